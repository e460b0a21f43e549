"""Effects that must happen once: what is known of each, over every attempt at a task."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

__all__ = ["Effect", "Effects", "effect_id"]

Known = Literal["begun", "returned", "failed"]


class Effect(msgspec.Struct, frozen=True, gc=False):
    """``begun`` without more means that its outcome is unknown; ``result`` is JSON."""

    id: str
    task: str
    tool: str
    known: Known
    result: bytes = b"null"


class Effects:
    """By run, for as long as the run is open. Any thread may use it: each change is one step.

    An effect belongs to a place in its run, not to a task: what a failed child did counts for the
    child that takes its place in the parent's next attempt.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._by_run: dict[str, dict[str, Effect]] = {}

    def find(self, run: str, effect: str) -> Effect | None:
        """What is known of an effect; ``None`` when it was never begun."""
        return self._by_run.get(run, {}).get(effect)

    def note(self, run: str, effect: Effect) -> None:
        """Keep what became known."""
        self._by_run.setdefault(run, {})[effect.id] = effect

    def unknown(self, run: str, task: str) -> Effect | None:
        """An effect that the task began and of which no more is known."""
        if run not in self._by_run:
            return None
        found = list(self._by_run[run].values())
        return next((e for e in found if e.known == "begun" and e.task == task), None)

    def all(self) -> list[tuple[str, Effect]]:
        """Everything, each with its run."""
        return [(run, e) for run, effects in self._by_run.items() for e in effects.values()]

    def forget(self, run: str) -> None:
        """The run ended."""
        self._by_run.pop(run, None)


def effect_id(place: str, tool: str, args: bytes, ordinal: int) -> str:
    """The same in every attempt: ``ordinal`` counts equal calls within one attempt, from 1.

    ``place`` is the root task's id and the ordinals of the submissions that lead to the task.
    """
    digest = hashlib.blake2s(args, digest_size=6).hexdigest()
    return f"{place}:{tool}:{digest}:{ordinal}"

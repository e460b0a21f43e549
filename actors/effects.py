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
    tool: str
    known: Known
    result: bytes = b"null"


class Effects:
    """By task, for as long as the task is open. Any thread may use it: each change is one step."""

    def __init__(self) -> None:
        """Start with none."""
        self._by_task: dict[str, dict[str, Effect]] = {}

    def find(self, task: str, effect: str) -> Effect | None:
        """What is known of an effect; ``None`` when it was never begun."""
        return self._by_task.get(task, {}).get(effect)

    def note(self, task: str, effect: Effect) -> None:
        """Keep what became known."""
        self._by_task.setdefault(task, {})[effect.id] = effect

    def unknown(self, task: str) -> Effect | None:
        """An effect of the task that was begun and of which no more is known."""
        found = list(self._by_task.get(task, {}).values())
        return next((effect for effect in found if effect.known == "begun"), None)

    def forget(self, task: str) -> None:
        """The task ended."""
        self._by_task.pop(task, None)

    def all(self) -> dict[str, list[Effect]]:
        """Everything, for a snapshot."""
        return {task: list(effects.values()) for task, effects in list(self._by_task.items())}


def effect_id(task: str, tool: str, args: bytes, ordinal: int) -> str:
    """The same in every attempt: ``ordinal`` counts equal calls within one attempt, from 1."""
    digest = hashlib.blake2s(args, digest_size=6).hexdigest()
    return f"{task}/{tool}/{digest}/{ordinal}"

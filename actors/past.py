"""Runs that go on from where another one was: what that one was answered counts for them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from retinue.bus.envelope import Event
from retinue.bus.messages import TERMINAL_RUN, LlmReturned, ToolReturned

__all__ = ["Origin", "Past", "Pasts"]

Answer = TypeVar("Answer")


class Origin(msgspec.Struct, frozen=True):
    """The run that another one goes on from, and the last of its events that counts."""

    run: str
    at: int


class Past:
    """What was answered at one place of a run. Any thread may use it; each answer is given once."""

    def __init__(self) -> None:
        """Nothing."""
        self._lock = threading.Lock()
        self._tools: dict[tuple[str, bytes], list[ToolReturned]] = {}
        self._models: dict[str, list[LlmReturned]] = {}

    def keep_tool(self, tool: str, args: bytes, answer: ToolReturned) -> None:
        """A call with these arguments as JSON was answered so."""
        self._tools.setdefault((tool, args), []).append(answer)

    def keep_model(self, prompt: str, answer: LlmReturned) -> None:
        """A model was asked what has this digest, and answered so."""
        self._models.setdefault(prompt, []).append(answer)

    def tool(self, tool: str, args: bytes) -> ToolReturned | None:
        """The next answer to such a call; ``None`` when there was none."""
        return self._next(self._tools.get((tool, args)))

    def model(self, prompt: str) -> LlmReturned | None:
        """The next answer to such a prompt; ``None`` when there was none."""
        return self._next(self._models.get(prompt)) if prompt else None

    def _next(self, answers: list[Answer] | None) -> Answer | None:
        with self._lock:
            return answers.pop(0) if answers else None


class Pasts:
    """By run, for as long as it is open. Any thread may use it: each change is one step."""

    def __init__(self) -> None:
        """No run has a past."""
        self._origins: dict[str, Origin] = {}
        self._places: dict[str, Mapping[str, Past]] = {}

    def begin(self, run: str, origin: Origin, places: Mapping[str, Past]) -> None:
        """The run goes on from ``origin``; ``places`` are below the root task, as ``2/1``."""
        self._places[run] = places
        self._origins[run] = origin

    def origin(self, run: str) -> Origin | None:
        """Where the run goes on from; ``None`` for one that began by itself."""
        return self._origins.get(run)

    def of(self, run: str, place: str) -> Past | None:
        """What was answered at a task's place, which begins with the id of the root task."""
        places = self._places.get(run)
        return None if places is None else places.get(place.partition("/")[2])

    def forget(self, run: str) -> None:
        """The run was refused, or is over."""
        self._origins.pop(run, None)
        self._places.pop(run, None)

    def committed(self, events: Sequence[Event]) -> None:
        """Forget runs that ended; a listener of the journal."""
        if self._origins:
            for event in events:
                if event.type in TERMINAL_RUN:
                    self.forget(event.run)

"""Results that somebody waits for: resolved when the end of a task is committed."""

from __future__ import annotations

from collections.abc import Sequence

from retinue.bus.envelope import Event
from retinue.bus.messages import TERMINAL_TASK

from .runtime import Future
from .runtime.future import VALUE

__all__ = ["Completions"]


class Completions:
    """Futures by task, each resolved with the task's terminal event.

    Any thread may use it, without a lock: each change is a single step of a dict.
    """

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._futures: dict[str, Future[Event]] = {}

    def watch(self, task: str) -> Future[Event]:
        """The future of a task that has not ended yet; the same one for all who ask."""
        return self._futures.get(task) or self._futures.setdefault(task, Future())

    def forget(self, task: str) -> None:
        """Nobody waits for the task any more: it was never accepted, or had ended before."""
        self._futures.pop(task, None)

    def committed(self, events: Sequence[Event]) -> None:
        """Resolve what ended; a listener of the journal."""
        for event in events:
            if event.envelope.type in TERMINAL_TASK:
                future = self._futures.pop(event.envelope.task, None)
                if future is not None:
                    future.settle(VALUE, event)

    def abandon(self, error: Exception) -> None:
        """The kernel closes: answer everybody who still waits with ``error``."""
        for task in list(self._futures):
            future = self._futures.pop(task, None)
            if future is not None:
                future.fail(error)

    def __len__(self) -> int:
        """How many tasks somebody waits for."""
        return len(self._futures)

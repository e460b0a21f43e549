"""The threads of one system: named dispatchers, and one for each actor that owns its thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic as real_monotonic

from .dispatcher import Dispatcher
from .timers import Timers

__all__ = ["Threads"]

_LOOK = 0.05
"""Seconds between two looks of a thread that is to end."""


class Threads:
    """Makes dispatchers as they are asked for. Any thread."""

    def __init__(
        self,
        system: str,
        monotonic: Callable[[], float],
        timers: Timers,
        report: Callable[[BaseException], None],
    ) -> None:
        """The main dispatcher serves the timers."""
        self._system = system
        self._monotonic = monotonic
        self._report = report
        self._lock = threading.Lock()
        self.main = self._make("main", timers=timers)
        self._shared = {"main": self.main}
        self._own: list[Dispatcher] = []

    def shared(self, name: str | None) -> Dispatcher:
        """The dispatcher of that name; made when first named."""
        if name is None:
            return self.main
        with self._lock:
            if name not in self._shared:
                self._shared[name] = self._make(name)
            return self._shared[name]

    def own(self, name: str) -> Dispatcher:
        """A new dispatcher for one actor, which may block on it."""
        dispatcher = self._make(name, blocking=True)
        with self._lock:
            self._own = [other for other in self._own if other.alive()]
            self._own.append(dispatcher)
        return dispatcher

    def names(self) -> tuple[str, ...]:
        """The threads that run."""
        return tuple(d.thread_name for d in self._all() if d.alive())

    def join(self, deadline: float) -> list[str]:
        """Wait until ``deadline`` (real monotonic seconds); the names of those still running."""
        return [
            dispatcher.thread_name for dispatcher in self._all() if not _ended(dispatcher, deadline)
        ]

    def _all(self) -> list[Dispatcher]:
        with self._lock:
            return [*self._shared.values(), *self._own]

    def _make(
        self, name: str, *, timers: Timers | None = None, blocking: bool = False
    ) -> Dispatcher:
        return Dispatcher(
            f"retinue:{self._system}:{name}",
            monotonic=self._monotonic,
            timers=timers,
            report=self._report,
            blocking=blocking,
        )


def _ended(dispatcher: Dispatcher, deadline: float) -> bool:
    """Have it look again meanwhile: an ask that is answered after the last actor left wakes nobody."""
    while (left := deadline - real_monotonic()) > 0:
        if dispatcher.wait(min(_LOOK, left)):
            return True
        dispatcher.look()
    return dispatcher.wait(0.0)

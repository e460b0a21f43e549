"""An asyncio loop without a clock and without a socket: time passes when it is told to."""

from __future__ import annotations

import asyncio
from asyncio import base_events
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

__all__ = ["VirtualLoop"]


class VirtualLoop(base_events.BaseEventLoop):
    """Runs what is ready and then stops; timers fire one at a time, by ``fire``.

    ``now`` is in seconds since the epoch and is moved by its owner. There is nothing to wait for
    outside: a coroutine that wants a socket or a process gets an error, and work that is meant
    for a pool of threads is done at once.
    """

    def __init__(self, now: float) -> None:
        """Nothing is ready."""
        super().__init__()
        self.now = now
        self._latest = now
        self._selector = _Nothing(self.stop)
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = count()
        self.set_exception_handler(_ignore)

    def time(self) -> float:
        """Seconds since the epoch, as its owner set them."""
        return self.now

    def reach(self, moment: float) -> None:
        """Time is at least ``moment``, and at least what it ever was."""
        self.now = self._latest = max(self.now, self._latest, moment)

    def run_ready(self) -> None:
        """Run callbacks until none is ready."""
        self.run_forever()

    def step(self) -> bool:
        """Run what is ready now, and not what that makes ready; ``False`` when nothing was."""
        if not self._ready:  # type: ignore[attr-defined]
            return False
        self.stop()
        self.run_forever()
        return True

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """As any loop's, but the callback waits for ``fire``."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def due(self) -> float | None:
        """When the next timer is due."""
        while self._timers and self._timers[0][2].cancelled():
            heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def fire(self) -> None:
        """Let time come to the next timer: what follows from it is ready then."""
        if self.due() is not None:
            when, _, timer = heappop(self._timers)
            self.now = max(self.now, when)
            self.call_soon(timer._run)  # noqa: SLF001 - what the loop itself would call

    def drop_timers(self) -> None:
        """Forget every timer."""
        self._timers.clear()

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Call it here and now: a thread would come back at no time that the record tells."""
        done: asyncio.Future[Any] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is raised where the future is awaited
            done.set_exception(error)
        return done

    def _process_events(self, event_list: Any) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector."""


class _Nothing:
    """The selector of a loop that waits for nothing outside."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop

    def select(self, timeout: float | None = None) -> list[Any]:
        """Idle: end the loop's round."""
        if timeout != 0:
            self._stop()
        return []


def _ignore(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody awaited was of no consequence in the run, and is of none here."""

"""One timer for the ends of many calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

__all__ = ["NEVER", "Deadlines"]

NEVER = float("inf")


class Deadlines:
    """Wakes its loop when the earliest call is due, and for no call that ends before."""

    def __init__(self, loop: asyncio.AbstractEventLoop, due: Callable[[float], None]) -> None:
        """``due`` ends what is due by the loop's time that it gets, and adds the next deadline."""
        self._loop = loop
        self._due = due
        self._at = NEVER
        self._timer: asyncio.TimerHandle | None = None

    def add(self, deadline: float) -> None:
        """By the loop's time. Any thread, under the owner's lock."""
        if deadline >= self._at:
            return
        self._at = deadline
        with suppress(RuntimeError):  # the loop is closed: all calls have ended
            if asyncio.get_running_loop() is self._loop:
                self._arm()
            else:
                self._loop.call_soon_threadsafe(self._arm)

    def close(self) -> None:
        """Nothing is due any more. On the loop."""
        self._at = NEVER
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if self._at == NEVER else self._loop.call_at(self._at, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self._at = NEVER
        self._due(self._loop.time())

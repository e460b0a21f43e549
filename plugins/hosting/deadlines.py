"""One timer for the ends of many calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from .calls import OpenCall

__all__ = ["NEVER", "Deadlines"]

NEVER = float("inf")
_TICK = 0.001
"""Seconds to a deadline that has come: timers fire a little early."""


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

    def overdue(self, calls: Mapping[int, OpenCall], now: float) -> list[tuple[int, OpenCall]]:
        """Those of the open calls that are due, by number; the others are looked at later."""
        due = []
        for number, opened in calls.items():
            if opened.over:
                continue
            if opened.deadline > now + _TICK:
                self.add(opened.deadline)
            else:
                due.append((number, opened))
        return due

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

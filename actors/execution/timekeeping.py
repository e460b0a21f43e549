"""Loops that go by the kernel's clock, so that a test that moves it moves the agents' waits too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from retinue.bus.clock import Clock, SystemClock

__all__ = ["RESOLUTION", "keep_time"]

RESOLUTION = 1e-6
"""Seconds; for clocks that are moved by hand only."""


def keep_time(loop: asyncio.AbstractEventLoop, clock: Clock) -> Callable[[], None]:
    """Have the timers of ``loop`` go by ``clock``; returns the way back to the machine's time.

    ``asyncio.sleep``, ``asyncio.timeout`` and ``call_later`` all read ``loop.time``. On the
    machine's own clock nothing is changed. Any thread, before the loop runs; the way back too
    once it does no more.
    """
    if isinstance(clock, SystemClock):
        return _nothing
    timed: Any = loop
    # A timer fires when less than this is left. asyncio's own nanosecond is lost in the rounding of
    # seconds since the epoch, and then a timer that is due on a clock that stands never fires.
    timed._clock_resolution = RESOLUTION  # noqa: SLF001
    loop.time = clock.monotonic  # type: ignore[method-assign]

    def moved() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(_nothing)

    unsubscribe = clock.subscribe(moved)

    def back() -> None:
        unsubscribe()
        with suppress(AttributeError):  # called before
            del loop.time

    return back


def _nothing() -> None:
    return None

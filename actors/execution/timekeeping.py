"""Loops that go by the kernel's clock, so that a test that moves it moves the agents' waits too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from retinue.bus.clock import Clock, SystemClock

__all__ = ["keep_time"]


def keep_time(loop: asyncio.AbstractEventLoop, clock: Clock) -> Callable[[], None]:
    """Have the timers of ``loop`` go by ``clock``; returns the way back to the machine's time.

    ``asyncio.sleep``, ``asyncio.timeout`` and ``call_later`` all read ``loop.time``. On the
    machine's own clock nothing is changed. Any thread, before the loop runs; the way back too
    once it does no more.
    """
    if isinstance(clock, SystemClock):
        return _nothing
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

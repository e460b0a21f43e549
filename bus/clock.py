"""Time as an argument: the port, the real clock, and one that tests can move."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Clock", "ManualClock", "SystemClock"]


class Clock(Protocol):
    """Where every part of the kernel gets its time from; any thread may call it."""

    def time(self) -> float:
        """Seconds since the Unix epoch, for what is written down."""

    def monotonic(self) -> float:
        """Seconds that never go back, for deadlines and durations."""

    def subscribe(self, moved: Callable[[], None]) -> Callable[[], None]:
        """Call ``moved`` when time jumps by hand; returns the way to unsubscribe.

        A clock that merely passes never calls it: waiters then rely on timed waits.
        """


class SystemClock:
    """The machine's clock."""

    # monotonic first: once `time` is bound here, it hides the module.
    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)

    def subscribe(self, moved: Callable[[], None]) -> Callable[[], None]:
        """Do nothing: this clock cannot be moved."""
        return _nothing


class ManualClock:
    """A clock that stands still until ``advance`` is called. Safe to share between threads."""

    def __init__(self, now: float = 1_000_000_000.0) -> None:
        """Start at ``now``, in seconds since the epoch."""
        self._now = now
        self._off = 0.0
        self._lock = threading.Lock()
        self._watchers: list[Callable[[], None]] = []

    def time(self) -> float:
        """The moment it was set to, and what it jumped since."""
        return self._now + self._off

    def monotonic(self) -> float:
        """The same moment without the jumps: it never goes back."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward and tell every subscriber, on the caller's thread."""
        if not seconds >= 0:  # so that NaN is refused too
            raise ValueError(f"cannot advance by {seconds} s: time does not go back")
        with self._lock:
            self._now += seconds
            watchers = list(self._watchers)
        for moved in watchers:
            moved()

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or NTP does; no time passes by it."""
        with self._lock:
            self._off += seconds

    def subscribe(self, moved: Callable[[], None]) -> Callable[[], None]:
        """Call ``moved`` after each ``advance`` until the returned function is called."""
        with self._lock:
            self._watchers.append(moved)
        return lambda: self._forget(moved)

    def _forget(self, moved: Callable[[], None]) -> None:
        with self._lock:
            if moved in self._watchers:
                self._watchers.remove(moved)


def _nothing() -> None:
    return None

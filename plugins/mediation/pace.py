"""How fast a plugin may ask: a burst at once, then so many a second; who is faster waits."""

from __future__ import annotations

__all__ = ["BURST", "RATE", "Pace"]

RATE, BURST = 2000.0, 1000.0
"""Requests a second, and how many may come at once: more than honest work needs."""


class Pace:
    """A token bucket that lends: each request is let through, after a wait. Pure; one loop's."""

    def __init__(self, now: float, rate: float = RATE, burst: float = BURST) -> None:
        """``now`` is a monotonic clock's, in seconds."""
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at = now

    def wait(self, now: float) -> float:
        """Seconds that this request has to wait; 0 while it is within the burst."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - 1.0
        self._at = now
        return max(0.0, -self._left / self._rate)

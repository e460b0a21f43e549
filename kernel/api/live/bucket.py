"""A token bucket. Pure: time is an argument."""

from __future__ import annotations

__all__ = ["Bucket"]


class Bucket:
    """``rate`` a second, and ``burst`` at once; a large step is allowed, and paid for afterwards."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        """Begins full. ``now`` is in seconds, of any steady clock."""
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._then = now

    def wait(self, now: float) -> float:
        """Seconds until the next step is allowed."""
        self._fill(now)
        return 0.0 if self._tokens > 0 else (1e-9 - self._tokens) / self._rate

    def spend(self, count: int, now: float) -> None:
        """Take a step of ``count``."""
        self._fill(now)
        self._tokens -= count

    def try_one(self, now: float) -> bool:
        """Take a step of one, if it is allowed now."""
        self._fill(now)
        allowed = self._tokens >= 1
        if allowed:
            self._tokens -= 1
        return allowed

    def _fill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._then) * self._rate)
        self._then = now

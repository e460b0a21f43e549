"""How much of a thing a plugin may have in a time. Pure."""

from __future__ import annotations

__all__ = ["Allowance"]


class Allowance:
    """So much a second, saved up to a burst; what is over it has to wait. Not thread-safe."""

    def __init__(self, rate: float, burst: float) -> None:
        """``rate`` a second, in whatever unit ``delay`` is told."""
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at = 0.0

    def delay(self, now: float, cost: float = 1.0) -> float:
        """Take ``cost``; the seconds until it is paid for, 0.0 within the allowance.

        ``now`` is in seconds of a monotonic clock.
        """
        if self._at:
            self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        self._left -= cost
        return max(0.0, -self._left / self._rate)

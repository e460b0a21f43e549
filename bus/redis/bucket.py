"""How often something may happen: so many a second, and a burst at once. Pure."""

from __future__ import annotations

__all__ = ["Bucket"]


class Bucket:
    """A token bucket. Used by one thread at a time."""

    def __init__(self, rate: float, burst: float) -> None:
        """``rate`` is a second; it begins full, with ``burst``."""
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._then = 0.0

    def take(self, now: float, tokens: float = 1.0) -> bool:
        """Whether it may happen at ``now``, in monotonic seconds; if so, it counts."""
        self._tokens = min(self._burst, self._tokens + (now - self._then) * self._rate)
        self._then = now
        if self._tokens < tokens:
            return False
        self._tokens -= tokens
        return True

    def give(self, tokens: float) -> None:
        """Give back what was taken and not needed."""
        self._tokens = min(self._burst, self._tokens + tokens)

    def due(self, tokens: float = 1.0) -> float:
        """Seconds from the last ``take`` until that many are there."""
        return max(0.0, (tokens - self._tokens) / self._rate)

"""How often somebody may ask over TCP. Bounded in memory, however many come."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from retinue.bus.errors import RateLimited

from .live.bucket import Bucket

__all__ = ["Rates"]

_BURST = 2  # seconds' worth of requests, at once
_MOST = 4096  # callers that are remembered


class Rates:
    """A token bucket for each token; who shows none shares one with all of his address."""

    def __init__(self, rate: float, now: Callable[[], float]) -> None:
        """``rate`` is requests a second."""
        self._rate = rate
        self._now = now
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()

    def check(self, token: str, address: str) -> None:
        """Count one; raises ``RateLimited`` when there were too many."""
        key = (token, "") if token else ("", address)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._rate, self._rate * _BURST, self._now())
            while len(self._buckets) > _MOST:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        if not bucket.try_one(self._now()):
            who = f"{token} asks" if token else "requests without a token come"
            raise RateLimited(f"{who} more than {self._rate:g} times a second: see api.rate")

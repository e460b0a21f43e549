"""Token buckets, as one number each: the moment up to which calls are paid for. Pure.

It is the generic cell rate algorithm: a call that may go at once moves that moment on by the time
that one call costs; one that comes too soon gets the moment at which it may go, and has its place.
"""

from __future__ import annotations

import msgspec

__all__ = ["Bucket", "Rate", "paused", "take"]


class Rate(msgspec.Struct, frozen=True):
    """``per_second`` calls, ``burst`` at once; a call waits ``wait`` seconds at most."""

    per_second: float
    burst: int = 1
    wait: float = 30.0


class Bucket(msgspec.Struct, frozen=True):
    """``paid`` and ``paused`` are moments of one monotonic clock; nothing starts before ``paused``."""

    paid: float = 0.0
    paused: float = 0.0


def take(rate: Rate, bucket: Bucket, now: float) -> tuple[Bucket, float | None]:
    """The bucket after one more call, and in how many seconds that may start.

    ``None``, and nothing is taken, when that would be longer than ``rate.wait``.
    """
    cost = 1.0 / rate.per_second
    start = max(now, bucket.paid - (rate.burst - 1) * cost, bucket.paused)
    if start - now > rate.wait:
        return bucket, None
    return Bucket(max(bucket.paid, start) + cost, bucket.paused), start - now


def paused(bucket: Bucket, now: float, seconds: float) -> Bucket:
    """Nothing starts for so long; a pause that is longer already stays as it is."""
    return Bucket(bucket.paid, max(bucket.paused, now + seconds))

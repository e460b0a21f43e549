"""From what was recorded back to what was drawn or given: exact, or not at all. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from retinue.actors.tasks import backoff

__all__ = ["jitter_of", "seconds_until"]

_STEP = 2.0**-53
_NEAR = 64


def jitter_of(attempt: int, delay: float) -> float | None:
    """The number in [0, 1) for which ``backoff`` gives exactly this delay, if there is one."""
    shortest, longest = backoff(attempt, 0.0), backoff(attempt, 1.0)
    if not shortest <= delay <= longest:
        return None
    guess = round((delay - shortest) / (longest - shortest) / _STEP)
    tried = ((guess + near) * _STEP for near in _outward())
    return next((r for r in tried if 0.0 <= r < 1.0 and backoff(attempt, r) == delay), None)


def seconds_until(moment: float, now: float) -> float:
    """The seconds that give ``moment`` when they are added to ``now``, to the last bit."""
    seconds = up = down = moment - now
    for _ in range(_NEAR):
        if now + up == moment:
            return up
        if now + down == moment:
            return down
        up, down = math.nextafter(up, math.inf), math.nextafter(down, -math.inf)
    return seconds


def _outward() -> Iterator[int]:
    yield 0
    for near in range(1, _NEAR):
        yield near
        yield -near

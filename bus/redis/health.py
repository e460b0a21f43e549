"""Whether the mirror is live or degraded: pure steps that say what to report."""

from __future__ import annotations

import msgspec

from ..messages import BusDegraded, BusRestored

__all__ = ["Health", "failed", "recovered", "retry_delay"]

_FIRST_DELAY, _LONGEST_DELAY = 0.05, 1.0


class Health(msgspec.Struct, frozen=True):
    """``since`` is when it became degraded, on the monotonic clock, and ``None`` while live.

    ``dropped`` is the outbox's count that the last ``bus.restored`` accounted for.
    """

    since: float | None = None
    attempts: int = 0
    reason: str = ""
    dropped: int = 0

    @property
    def degraded(self) -> bool:
        """Whether the last attempt failed, or the outbox overflowed since."""
        return self.since is not None


def failed(health: Health, now: float, reason: str) -> tuple[Health, BusDegraded | None]:
    """After an attempt that failed; the report comes with the first one only."""
    if health.since is None:
        return Health(now, 1, reason, health.dropped), BusDegraded(reason)
    return Health(health.since, health.attempts + 1, reason, health.dropped), None


def recovered(health: Health, now: float, dropped: int) -> tuple[Health, BusRestored | None]:
    """After an attempt that went well; ``dropped`` is the outbox's count so far."""
    if health.since is None:
        return health, None
    restored = BusRestored(round(now - health.since, 3), dropped - health.dropped)
    return Health(dropped=dropped), restored


def retry_delay(health: Health, chance: float) -> float:
    """Seconds before the next attempt: doubling from 50 ms to 1 s, halved by ``chance`` in 0…1."""
    longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(health.attempts - 1, 10))
    return longest * (1.0 - chance / 2)

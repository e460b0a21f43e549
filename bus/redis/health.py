"""Whether the mirror is live or degraded: pure steps that say what to report."""

from __future__ import annotations

import msgspec

from ..messages import BusDegraded, BusRestored

__all__ = ["Health", "failed", "recovered", "retry_delay"]

_FIRST_DELAY, _LONGEST_DELAY = 0.05, 1.0


class Health(msgspec.Struct, frozen=True):
    """``since`` is when it became degraded, on the monotonic clock, and ``None`` while live.

    ``dropped`` and ``refilled`` are what the last ``bus.restored`` accounted for.
    """

    since: float | None = None
    attempts: int = 0
    reason: str = ""
    dropped: int = 0
    refilled: int = 0

    @property
    def degraded(self) -> bool:
        """Whether Redis does not have, or did not take, what it should."""
        return self.since is not None


def failed(
    health: Health, now: float, reason: str, dropped: int = 0, refilled: int = 0
) -> tuple[Health, BusDegraded | None]:
    """After an attempt that failed; the report comes with the first one only.

    ``dropped`` and ``refilled`` are the counts so far.
    """
    tried = msgspec.structs.replace(health, attempts=health.attempts + 1, reason=reason)
    if health.since is not None:
        return tried, None
    return msgspec.structs.replace(tried, since=now), BusDegraded(reason, dropped, refilled)


def recovered(
    health: Health, now: float, dropped: int, refilled: int = 0
) -> tuple[Health, BusRestored | None]:
    """After an attempt that went well; ``dropped`` and ``refilled`` are the counts so far."""
    if health.since is None:
        return health, None
    seconds = round(now - health.since, 3)
    restored = BusRestored(seconds, dropped - health.dropped, refilled - health.refilled)
    return Health(dropped=dropped, refilled=refilled), restored


def retry_delay(health: Health, chance: float) -> float:
    """Seconds before the next attempt: doubling from 50 ms to 1 s, halved by ``chance`` in 0…1."""
    longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(health.attempts - 1, 10))
    return longest * (1.0 - chance / 2)

"""When a plugin that ended may start again: back-off with jitter, and quarantine. Pure."""

from __future__ import annotations

import msgspec

__all__ = ["QUARANTINE_CRASHES", "QUARANTINE_SECONDS", "Crashes", "crashed"]

FIRST_DELAY, LONGEST_DELAY = 0.1, 30.0
QUARANTINE_CRASHES, QUARANTINE_SECONDS = 5, 60.0
"""So many crashes within so many seconds, and it is not started again by itself."""


class Crashes(msgspec.Struct, frozen=True):
    """When the last crashes were, in seconds of a monotonic clock."""

    at: tuple[float, ...] = ()


def crashed(before: Crashes, now: float, chance: float) -> tuple[Crashes, float | None]:
    """The crashes with this one, and the seconds until the next start; ``None``: quarantine.

    ``chance`` is in [0, 1): the delay lies between half of and the whole of what doubles each time.
    """
    recent = (*(at for at in before.at if now - at < QUARANTINE_SECONDS), now)
    if len(recent) >= QUARANTINE_CRASHES:
        return Crashes(recent), None
    delay = min(FIRST_DELAY * 2 ** (len(recent) - 1), LONGEST_DELAY)
    return Crashes(recent), delay * (0.5 + chance / 2)

"""How many clients may follow, and how fast they may come. Pure: time is an argument."""

from __future__ import annotations

from retinue.bus.errors import MailboxFull

from .bucket import Bucket

__all__ = ["MAX_CLIENTS", "Places"]

MAX_CLIENTS = 1024
"""Clients of one kernel that follow at once."""
RESERVED = 64
"""Places of these that are left to the daemon's own user, who comes over the Unix socket."""
OPENINGS = (100.0, 512.0)
"""Guests that may come a second, and at once."""


class Places:
    """Guests come over TCP, where any user of the machine may be."""

    def __init__(self, limit: int = MAX_CLIENTS, openings: tuple[float, float] = OPENINGS) -> None:
        """``openings`` are guests a second, and guests at once."""
        self.limit = limit
        self.openings = openings
        self._bucket: Bucket | None = None

    def check(self, taken: int, now: float, *, guest: bool) -> None:
        """Whether one more may come; raises ``MailboxFull``."""
        limit = max(self.limit - RESERVED, self.limit // 2) if guest else self.limit
        if taken >= limit:
            raise MailboxFull(f"{limit} clients already follow the events: end one first")
        if guest and not self._opening(now):
            raise MailboxFull("too many clients come at once: try again in a second")

    def _opening(self, now: float) -> bool:
        if self._bucket is None:
            self._bucket = Bucket(*self.openings, now)
        return self._bucket.try_one(now)

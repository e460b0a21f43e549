"""Tickets: for browsers, whose event streams and WebSockets cannot send a header."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict

import msgspec

from retinue.bus.clock import Clock

from .access import Caller

__all__ = ["LASTING", "Ticket", "Tickets"]

LASTING = 30.0
"""Seconds in which a ticket can be used."""
_MOST = 1000


class Ticket(msgspec.Struct, frozen=True):
    """A ticket: shown once at ``path``, as ``?ticket=…``, before ``expires`` (since the epoch)."""

    ticket: str
    path: str
    expires: float


class _Kept(msgspec.Struct, frozen=True):
    path: str
    caller: Caller
    until: float


class Tickets:
    """Each may be used once, at its path, for 30 seconds. Kept as digests, in memory. Any thread."""

    def __init__(self, clock: Clock) -> None:
        """None is there at first."""
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def make(self, path: str, caller: Caller) -> Ticket:
        """A ticket with which somebody is let in as ``caller``; the oldest goes when there are too many."""
        secret = secrets.token_urlsafe(32)
        kept = _Kept(path, caller, self._clock.monotonic() + LASTING)
        self._kept[_digest(secret)] = kept
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return Ticket(secret, path, self._clock.time() + LASTING)

    def use(self, ticket: str, path: str) -> Caller | None:
        """Whose ticket it is; it is gone afterwards, also when it was shown at a wrong path."""
        kept = self._kept.pop(_digest(ticket), None)
        if kept is None or kept.path != path or self._clock.monotonic() > kept.until:
            return None
        return kept.caller


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()

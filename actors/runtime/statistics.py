"""What an actor and a system say about themselves: frozen records."""

from __future__ import annotations

import msgspec

__all__ = ["ActorStatistics", "SystemStatistics"]


class ActorStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """One actor at one moment; the counts are since it was started, restarts included.

    The balance ``sent == handled + failed + dead_lettered + dropped + pending`` is exact when the
    actor is at rest. A tell or ask that raised ``MailboxFull`` is not sent, but ``rejected``.
    """

    name: str
    state: str
    mailbox_count: int
    mailbox_bytes: int
    pending: int
    handled: int
    failed: int
    dead_lettered: int
    dropped: int
    rejected: int
    restarts: int
    busy_seconds: float
    current: str | None
    current_since: float | None

    @property
    def sent(self) -> int:
        """How many messages were accepted for the actor, or told to it after its end."""
        return self.handled + self.failed + self.dead_lettered + self.dropped + self.pending


class SystemStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """A whole system at one moment."""

    name: str
    actors: int
    started: int
    failures: int
    timers: int
    threads: tuple[str, ...]
    dead_letters: dict[str, int]

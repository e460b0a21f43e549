"""What an actor and a system say about themselves: frozen records."""

from __future__ import annotations

import msgspec

__all__ = ["ActorStatistics", "SystemStatistics"]


class ActorStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """One actor at one moment; the counts are since it was started, restarts included.

    ``sent`` is counted by the senders: what was accepted for the actor, or told to it after its
    end. The rest is counted by the actor, so ``balanced`` says whether one got lost. It is exact
    when the actor is at rest, and may be off by what is on its way while it works. A tell or ask
    that raised ``MailboxFull`` is not sent, but ``rejected``.
    """

    name: str
    state: str
    sent: int
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
    def balanced(self) -> bool:
        """Whether ``sent == handled + failed + dead_lettered + dropped + pending``."""
        ended = self.handled + self.failed + self.dead_lettered + self.dropped
        return self.sent == ended + self.pending


class SystemStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """A whole system at one moment."""

    name: str
    actors: int
    started: int
    failures: int
    timers: int
    threads: tuple[str, ...]
    dead_letters: dict[str, int]

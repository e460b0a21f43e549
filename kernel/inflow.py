"""How much may be on its way in: submissions that were sent and are not yet accepted."""

from __future__ import annotations

import threading

from retinue.bus.errors import MailboxFull

__all__ = ["Inflow"]


class Inflow:
    """A bound on what the Orchestrator's mailbox holds of programs outside. Any thread may use it.

    The bound stands here and not at the mailbox, so that messages of the kernel's own actors, which
    end work and make room, are never refused.
    """

    def __init__(self, max_count: int, max_bytes: int) -> None:
        """Bounds on submissions and on the bytes of their inputs."""
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._count = 0
        self._bytes = 0
        self._lock = threading.Lock()

    def enter(self, size: int) -> None:
        """Let a submission of ``size`` bytes in; raises ``MailboxFull``."""
        with self._lock:
            if self._count >= self._max_count or self._bytes + size > self._max_bytes:
                raise MailboxFull(
                    f"{self._count:,} submissions with {self._bytes:,} bytes wait to be accepted, "
                    "the limit: wait for some, or raise limits.mailbox_messages or mailbox_bytes"
                )
            self._count += 1
            self._bytes += size

    def leave(self, size: int) -> None:
        """A submission of ``size`` bytes was answered, or nobody waits for it any more."""
        with self._lock:
            self._count -= 1
            self._bytes -= size

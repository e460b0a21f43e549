"""Writes messages: stamps a body with id, type, time and where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from retinue.bus.clock import Clock
from retinue.bus.codec import encode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.ids import Ids
from retinue.bus.messages import InvokeTool, Message, RunTask, SubmitTask, type_of

from .runtime import ActorRef
from .secrecy import Secrecy

__all__ = ["Append", "Committed", "Scribe"]

Committed = Callable[[Sequence[Event]], object]

CONFIDENTIAL = frozenset({SubmitTask, RunTask, InvokeTool})
"""Commands that bring an input to the code it is for: they stay in memory, secrets and all."""


class Append(msgspec.Struct, frozen=True, gc=False):
    """To the JournalActor: commit these, then call ``then`` with them, on the journal's thread."""

    envelopes: Sequence[Envelope]
    then: Committed | None = None

    @property
    def nbytes(self) -> int:
        """What a mailbox counts for it."""
        return sum(len(envelope.body) + 128 for envelope in self.envelopes)


class Scribe:
    """Makes envelopes and hands events to the journal. Any thread may use it."""

    def __init__(
        self, ids: Ids, clock: Clock, journal: ActorRef[Any], secrecy: Secrecy | None = None
    ) -> None:
        """``journal`` is the JournalActor; what ``secrecy`` knows of is never written."""
        self.ids = ids
        self.clock = clock
        self._prefix, self._number, self._time = f"e-{ids.boot}-", ids.number, clock.time
        self._tell = journal.tell
        self.secrecy = secrecy or Secrecy()
        self.secrets = self.secrecy.secrets
        self._types: dict[type[Message], str] = {}

    def write(
        self,
        body: Message,
        run: str = "",
        task: str = "",
        agent: str = "",
        cause: str = "",
        trace: str = "",
        at: float | None = None,
    ) -> Envelope:
        """The body in an envelope of its type, encoded, with each secret replaced.

        Only the commands in ``CONFIDENTIAL`` keep theirs. ``at`` is the moment that the body was
        made for: a decision reads the clock once, so that a replay can read it again.
        """
        kind = type(body)
        try:
            name = self._types[kind]
        except KeyError:
            name = self._types[kind] = type_of(kind)
        encoded = encode(body)
        if self.secrets.any and kind not in CONFIDENTIAL:
            encoded = self.secrecy.redact(encoded)
        return Envelope(
            f"{self._prefix}{self._number()}",
            name,
            self._time() if at is None else at,
            encoded,
            run,
            task,
            agent,
            "",
            cause,
            trace,
        )

    def append(self, envelopes: Sequence[Envelope], then: Committed | None = None) -> None:
        """Have the events committed, in this order and after all that this thread sent before."""
        self._tell(Append(envelopes, then))

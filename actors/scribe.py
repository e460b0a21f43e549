"""Writes messages: stamps a body with id, type, time and where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from retinue.bus.clock import Clock
from retinue.bus.codec import encode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.ids import Ids
from retinue.bus.messages import Message, type_of

from .runtime import ActorRef

__all__ = ["Append", "Scribe"]

Committed = Callable[[Sequence[Event]], object]


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

    def __init__(self, ids: Ids, clock: Clock, journal: ActorRef[Any]) -> None:
        """``journal`` is the JournalActor."""
        self.ids = ids
        self.clock = clock
        self._tell = journal.tell
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
        """The body in an envelope of its type, encoded.

        ``at`` is the moment that the body was made for: a decision reads the clock once, so that a
        replay can read it again.
        """
        kind = type(body)
        try:
            name = self._types[kind]
        except KeyError:
            name = self._types[kind] = type_of(kind)
        return Envelope(
            self.ids.make("e"),
            name,
            self.clock.time() if at is None else at,
            encode(body),
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

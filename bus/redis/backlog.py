"""Events read back from the journal, in bounded pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ..envelope import Event
from ..journal.store import EventStore
from .waiting import OVERHEAD

__all__ = ["Backlog", "Page"]


class Page(msgspec.Struct, frozen=True):
    """Consecutive events, and how far the journal was read for them.

    ``lost`` is the newest ``seq`` before them that was asked for and is no longer there, 0 for none.
    """

    events: Sequence[Event]
    reached: int
    lost: int = 0


class Backlog:
    """Reads the journal on the thread that calls; raises ``JournalError`` when it cannot be read."""

    def __init__(self, store: EventStore) -> None:
        """Nothing is read yet."""
        self._store = store
        self._reading: Iterator[Event] = iter(())
        self._ahead: Event | None = None
        self._reached = -1

    def __repr__(self) -> str:
        return f"<Backlog of {self._store!r}>"

    @property
    def last(self) -> int:
        """The newest ``seq``."""
        return self._store.last

    def owns(self, seq: int, id: str) -> bool:
        """Tell whether the event ``seq`` has that id, or had: what was trimmed cannot be asked."""
        event = next(iter(self._store.read(seq - 1, limit=1)), None)
        if event is None or event.seq != seq:
            return seq <= self._store.last
        return event.id == id

    def page(self, after: int, until: int, max_events: int, max_bytes: int) -> Page:
        """Events after ``after``, up to ``until``, at least one where the journal has any.

        Page after page is one reading, which is quicker than one reading each; see ``rest``.
        """
        events = self._go_on(after, until, max_events, max_bytes)
        if not events:
            self._reading = self._store.read(after)
            events = self._take(until, max_events, max_bytes)
        if not events or events[-1].seq == until:
            self.rest()
        if not events:
            return Page((), until, until)
        self._reached = events[-1].seq
        first = events[0].seq
        return Page(events, self._reached, first - 1 if first > after + 1 else 0)

    def rest(self) -> None:
        """No page is wanted for a while: hold nothing of the journal in memory."""
        self._reading, self._ahead, self._reached = iter(()), None, -1

    def _go_on(self, after: int, until: int, max_events: int, max_bytes: int) -> list[Event]:
        if after != self._reached:
            self.rest()
        return self._take(until, max_events, max_bytes)

    def _take(self, until: int, max_events: int, max_bytes: int) -> list[Event]:
        events: list[Event] = []
        size = 0
        while len(events) < max_events and size < max_bytes:
            event = self._ahead or next(self._reading, None)
            if event is not None and event.seq > until:
                self._ahead = event
                break
            self._ahead = None
            if event is None:
                break
            events.append(event)
            size += len(event.envelope.body) + OVERHEAD
        return events

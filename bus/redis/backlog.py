"""Events read back from the journal, in bounded pages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

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
        """Events after ``after``, up to ``until``, at least one where the journal has any."""
        events: list[Event] = []
        size = 0
        for event in islice(self._store.read(after, limit=max_events), max_events):
            if event.seq > until:
                break
            events.append(event)
            size += len(event.envelope.body) + OVERHEAD
            if size >= max_bytes:
                break
        if not events:
            return Page((), until, until)
        first = events[0].seq
        return Page(events, events[-1].seq, first - 1 if first > after + 1 else 0)

"""The store of a kernel that is embedded without a state folder: memory, bounded."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from ..envelope import Envelope, Event
from ..errors import KernelClosed
from .store import Filter, new_identity

__all__ = ["MemoryStore"]

_PAGE = 512
_SLACK = 8  # trim an eighth at once, so that dropping costs little per event


class MemoryStore:
    """Keeps the newest events: at most ``max_events``, and about ``max_bytes`` of bodies.

    What falls out at the old end shows as a larger ``first``; nothing else forgets it.
    Reads take no lock: the writer only appends to its pages, and trimming replaces them,
    so a reader goes on with the pages that it had.
    """

    def __init__(
        self, max_events: int = 1_000_000, max_bytes: int = 256 << 20, identity: str = ""
    ) -> None:
        """Bounds are per store; both must be at least 1."""
        if max_events < 1 or max_bytes < 1:
            raise ValueError("max_events and max_bytes must be at least 1")
        self._max_events = max_events
        self._max_bytes = max_bytes
        self.identity = identity or new_identity()
        self._bytes = 0
        self._pages = _Pages(1, 1)
        self._newest: dict[str, int] = {}
        self._last = 0
        self._closed = False

    @property
    def first(self) -> int:
        """The oldest ``seq`` still kept; ``last + 1`` when nothing is kept."""
        return self._pages.first

    @property
    def last(self) -> int:
        """The newest ``seq``; 0 before the first event."""
        return self._last

    def append(self, envelopes: Sequence[Envelope]) -> Sequence[Event]:
        """Keep the envelopes, then drop from the old end what is over a bound."""
        if self._closed:
            raise KernelClosed("the journal is closed: it takes no more events")
        size = self._bytes
        events = []
        for seq, envelope in enumerate(envelopes, self._last + 1):
            events.append(Event(seq, envelope))
            size += len(envelope.body)
        # Nothing above changed the store, and readers go no further than _last:
        # an envelope that cannot be kept leaves no trace, and no group is seen in part.
        self._keep(events)
        self._last += len(events)
        self._bytes = size
        if size > self._max_bytes or self._last - self.first >= self._max_events:
            self._trim()
        return events

    def read(
        self, after: int = 0, only: Filter | None = None, limit: int | None = None
    ) -> Iterator[Event]:
        """Yield what was committed when the call was made; see ``EventStore.read``."""
        last = self._last
        if only is None:
            return islice(self._pages.between(after, last), limit)
        if only.run:
            # The run's newest before the pages: those hold it, or have dropped it since.
            newest = self._newest.get(only.run, 0)
            events = self._pages.chain(newest, after, last)
        else:
            events = self._pages.between(after, last)
        return islice((event for event in events if only.matches(event.envelope)), limit)

    def close(self) -> None:
        """Refuse further events; what is kept stays readable until the store is dropped."""
        self._closed = True

    def _keep(self, events: list[Event]) -> None:
        pages, newest = self._pages, self._newest
        for event in events:
            run = event.envelope.run
            pages.add(event, newest.get(run, 0))
            if run:
                newest[run] = event.seq

    def _trim(self) -> None:
        target_events = self._max_events - self._max_events // _SLACK
        target_bytes = self._max_bytes - self._max_bytes // _SLACK
        pages, first = self._pages, self._pages.first
        gone = set()
        for event in pages.between(first - 1, self._last - 1):
            if self._last - first < target_events and self._bytes <= target_bytes:
                break
            self._bytes -= len(event.envelope.body)
            gone.add(event.envelope.run)
            first += 1
        self._pages = pages.without(first)
        for run in gone:
            if self._newest.get(run, first) < first:
                del self._newest[run]


class _Pages:
    """Events from ``first`` on, in pages that begin at ``base``, and the way back along each run.

    A full page is a tuple, and the way back is numbers: the garbage collector passes both over.
    With lists each of its full passes looked at every event, which at a million cost 18 µs a task.
    """

    __slots__ = ("_backs", "_base", "_pages", "first")

    def __init__(self, first: int, base: int) -> None:
        self.first = first
        self._base = base
        self._pages: list[Sequence[Event]] = []
        self._backs: list[array[int]] = []

    def add(self, event: Event, back: int) -> None:
        """Take in the next event; ``back`` is the ``seq`` before it in its run, or 0."""
        place = (event.seq - self._base) % _PAGE
        if place == 0:
            if self._pages:
                self._pages[-1] = tuple(self._pages[-1])
            self._backs.append(array("Q"))
            self._pages.append([])
        self._backs[-1].append(back)
        self._pages[-1].append(event)  # type: ignore[attr-defined]

    def between(self, after: int, last: int) -> Iterator[Event]:
        """Those with ``after < seq <= last``."""
        seq = max(after + 1, self.first)
        while seq <= last:
            page, place = divmod(seq - self._base, _PAGE)
            part = self._pages[page][place : place + last - seq + 1]
            yield from part
            seq += len(part)

    def chain(self, newest: int, after: int, last: int) -> Iterator[Event]:
        """The same of one run, whose newest event is ``newest``."""
        places = []
        seq, oldest = newest, max(after + 1, self.first)
        while seq >= oldest:
            page, place = divmod(seq - self._base, _PAGE)
            if seq <= last:
                places.append((page, place))
            seq = self._backs[page][place]
        for page, place in reversed(places):
            yield self._pages[page][place]

    def without(self, first: int) -> _Pages:
        """The pages from ``first`` on; these here stay as they are for their readers."""
        cut, gone = divmod(first - self._base, _PAGE)
        pages = _Pages(first, self._base + cut * _PAGE)
        pages._pages = self._pages[cut:]
        pages._backs = self._backs[cut:]
        oldest = pages._pages[0]
        empty: Any = [None] * gone if isinstance(oldest, list) else (None,) * gone
        pages._pages[0] = empty + oldest[gone:]  # the events that went are let go of
        return pages

"""The store of a kernel that is embedded without a state folder: memory, bounded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import attrgetter

from ..envelope import Envelope, Event
from ..errors import KernelClosed
from .store import Filter

__all__ = ["MemoryStore"]

_CHUNK = 512
_SLACK = 8  # trim an eighth at once, so that dropping costs little per event
_seq = attrgetter("seq")


class MemoryStore:
    """Keeps the newest events: at most ``max_events``, and about ``max_bytes`` of bodies.

    What falls out at the old end shows as a larger ``first``; nothing else forgets it.
    Reads take no lock: the writer only appends to its lists, and trimming replaces them,
    so a reader goes on with the list that it had.
    """

    def __init__(self, max_events: int = 1_000_000, max_bytes: int = 256 << 20) -> None:
        """Bounds are per store; both must be at least 1."""
        if max_events < 1 or max_bytes < 1:
            raise ValueError("max_events and max_bytes must be at least 1")
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._bytes = 0
        self._events: list[Event] = []
        self._runs: dict[str, list[Event]] = {}
        self._last = 0
        self._closed = False

    @property
    def first(self) -> int:
        """The oldest ``seq`` still kept; ``last + 1`` when nothing is kept."""
        events = self._events
        return events[0].seq if events else self._last + 1

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
        self._events.extend(events)
        self._index(events)
        self._last += len(events)
        self._bytes = size
        if size > self._max_bytes or len(self._events) > self._max_events:
            self._trim()
        return events

    def read(
        self, after: int = 0, only: Filter | None = None, limit: int | None = None
    ) -> Iterator[Event]:
        """Yield what was committed when the call was made; see ``EventStore.read``."""
        last = self._last
        source = self._runs.get(only.run, []) if only and only.run else self._events
        events = _between(source, after, last)
        if only is not None:
            events = (event for event in events if only.matches(event.envelope))
        return islice(events, limit)

    def close(self) -> None:
        """Refuse further events; what is kept stays readable until the store is dropped."""
        self._closed = True

    def _index(self, events: list[Event]) -> None:
        runs = self._runs
        for event in events:
            run = event.envelope.run
            if run:
                try:
                    runs[run].append(event)
                except KeyError:
                    runs[run] = [event]

    def _trim(self) -> None:
        events = self._events
        target_events = self._max_events - self._max_events // _SLACK
        target_bytes = self._max_bytes - self._max_bytes // _SLACK
        cut = 0
        while cut < len(events) - 1 and (
            len(events) - cut > target_events or self._bytes > target_bytes
        ):
            self._bytes -= len(events[cut].envelope.body)
            cut += 1
        self._events = events[cut:]
        for run in {event.run for event in events[:cut] if event.run}:
            self._trim_run(run, events[cut].seq)

    def _trim_run(self, run: str, first: int) -> None:
        kept = [event for event in self._runs[run] if event.seq >= first]
        if kept:
            self._runs[run] = kept
        else:
            del self._runs[run]


def _between(events: list[Event], after: int, last: int) -> Iterator[Event]:
    start = bisect_right(events, after, key=_seq)
    stop = bisect_right(events, last, lo=start, key=_seq)
    while start < stop:
        yield from events[start : min(start + _CHUNK, stop)]
        start += _CHUNK

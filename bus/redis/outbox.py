"""Events that wait for Redis: bounded in bytes, the oldest given up first, and counted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from operator import attrgetter

import msgspec

from ..envelope import Event
from ..topics import Selection

__all__ = ["Batch", "Outbox", "OutboxCounts"]

_OVERHEAD = 256
"""Bytes that an event takes besides its body, about."""

_body = attrgetter("envelope.body")


class Batch(msgspec.Struct, frozen=True):
    """Events on their way. ``previous`` was mirrored before the first, ``last`` ends the batch.

    ``last`` may be the ``seq`` of an event that the selection leaves out; ``events`` may be empty.
    """

    events: list[Event]
    previous: int
    last: int
    taken: int
    size: int


class OutboxCounts(msgspec.Struct, frozen=True):
    """Events so far: every selected one is published, dropped, or still pending."""

    published: int
    dropped: int
    pending: int
    size: int


class Outbox:
    """A queue with one reader. ``offer`` never blocks and never fails; any thread may call it.

    What is on its way counts towards the bound and is not dropped: Redis may have it already.
    """

    def __init__(self, selection: Selection | None = None, max_bytes: int = 64 << 20) -> None:
        """``max_bytes`` bounds bodies and an allowance of 256 bytes an event."""
        self._selection = selection or Selection()
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._groups: deque[tuple[Sequence[Event], int]] = deque()
        self._on_the_way: Batch | None = None
        self._size = 0
        self._count = 0
        self._published = 0
        self._dropped = 0
        self._previous: int | None = None
        self._resting = False

    @property
    def max_bytes(self) -> int:
        """The bound."""
        return self._max_bytes

    def __repr__(self) -> str:
        counts = self.counts()
        return f"<Outbox pending={counts.pending} bytes={counts.size} dropped={counts.dropped}>"

    def offer(self, events: Sequence[Event]) -> bool:
        """Queue a group; tells whether the reader rests and has to be woken."""
        if not events:
            return False
        size = sum(map(len, map(_body, events))) + _OVERHEAD * len(events)
        with self._lock:
            self._groups.append((events, size))
            self._size += size
            self._count += len(events)
            if self._size > self._max_bytes:
                self._drop()
            resting, self._resting = self._resting, False
            return resting

    def take(self, max_events: int = 2048, max_bytes: int = 1 << 20) -> Batch | None:
        """The batch that is on its way, or the next one; ``None`` when nothing waits."""
        with self._lock:
            if self._on_the_way is None and self._groups:
                events, size = self._remove(max_events, max_bytes)
                selected = self._selected(events)
                previous = events[0].seq - 1 if self._previous is None else self._previous
                self._on_the_way = Batch(selected, previous, events[-1].seq, len(events), size)
                self._note(selected, previous)
            return self._on_the_way

    def done(self) -> int:
        """The batch on its way has arrived; returns its ``last``."""
        with self._lock:
            batch, self._on_the_way = self._on_the_way, None
            if batch is None:
                return 0
            self._size -= batch.size
            self._count -= batch.taken
            self._published += len(batch.events)
            return batch.last

    def rest(self) -> bool:
        """Tell whether nothing waits; if so, the next ``offer`` says to wake the reader."""
        with self._lock:
            self._resting = not self._groups and self._on_the_way is None
            return self._resting

    def counts(self) -> OutboxCounts:
        """How many were published and dropped, and what is held, on its way included."""
        with self._lock:
            return OutboxCounts(self._published, self._dropped, self._count, self._size)

    def _drop(self) -> None:
        events, size = self._remove(self._count, self._size - self._max_bytes)
        if events:
            selected = self._selected(events)
            self._size -= size
            self._count -= len(events)
            self._dropped += len(selected)
            self._note(selected, events[0].seq - 1)

    def _note(self, selected: list[Event], otherwise: int) -> None:
        if selected:
            self._previous = selected[-1].seq
        elif self._previous is None:
            self._previous = otherwise

    def _selected(self, events: list[Event]) -> list[Event]:
        if self._selection.everything:
            return events
        matches = self._selection.matches
        return [event for event in events if matches(event.envelope)]

    def _remove(self, count: int, size: int) -> tuple[list[Event], int]:
        """Take out the oldest until there are ``count``, or they hold ``size`` bytes or more."""
        removed: list[Event] = []
        removed_size = 0
        while self._groups and len(removed) < count and removed_size < size:
            group, group_size = self._groups.popleft()
            if len(group) <= count - len(removed) and removed_size + group_size <= size:
                removed += group
                removed_size += group_size
                continue
            cut, cut_size = _cut(group, count - len(removed), size - removed_size)
            removed += group[:cut]
            removed_size += cut_size
            if cut < len(group):
                self._groups.appendleft((group[cut:], group_size - cut_size))
        return removed, removed_size


def _cut(group: Sequence[Event], count: int, size: int) -> tuple[int, int]:
    cut = cut_size = 0
    for event in group:
        if cut == count or cut_size >= size:
            break
        cut += 1
        cut_size += len(event.envelope.body) + _OVERHEAD
    return cut, cut_size

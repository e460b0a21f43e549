"""Where a reader stands, and what each thing that it finds does to that. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..wire import ObservedEvent, parse
from .gaps import Gap, missed

__all__ = ["Cursor", "Item", "Place", "place_of", "read_entry", "read_event", "renumbered"]

Item = ObservedEvent | Gap
Place = tuple[int, int]
"""An entry's id in the stream."""

_CLOCK_IDS = 1_000_000_000_000
"""Ids from here on are milliseconds since 2001: Redis chose them, so the kernel did not write the entry."""


_LATER = 1.0
"""Seconds: events are numbered in the order in which they are committed, about as they happened."""


class Cursor:
    """A reader's place: ``seq`` is the last that it was given, or told of in a gap.

    Takes entries in the stream's order, or messages in any, and gives each event once.
    """

    def __init__(self, seq: int | None = None) -> None:
        """``None`` begins with whatever comes first."""
        self.seq = seq
        self.place: Place = (seq or 0, 0)
        self.skipped = 0
        """Entries and messages that were none of the kernel's."""
        self.last: ObservedEvent | None = None
        """The event that was seen last, whether or not it was wanted."""
        self._corrupt = 0

    def __repr__(self) -> str:
        return f"<Cursor {self.seq} at {self.place[0]}-{self.place[1]}>"

    def rewind(self) -> None:
        """Read on from ``seq``, whatever was passed over since."""
        self.place = (self.seq or 0, 0)

    def restart(self) -> None:
        """Begin before the first event of a journal that counts anew."""
        self.seq, self.last, self._corrupt = 0, None, 0
        self.rewind()

    def take(self, place: Place, event: ObservedEvent | None) -> Iterator[Item]:
        """Give what an entry of the stream comes to; ``None`` for one that cannot be read."""
        self.place = place
        seq, part = place
        if event is None or part or event.seq != seq or not event.previous < seq:
            yield from self._passed_over(seq, part)
        elif self.seq is None or seq > self.seq:
            yield from self._gap(missed(self.seq, event.previous))
            yield from self._event(event)

    def hear(self, event: ObservedEvent | None, *, unbroken: bool) -> Iterator[Item]:
        """Give what a message of a channel comes to.

        A channel carries only some of the events, so ``previous`` says what may be missing only
        where the line was broken since the last message. An event that is later than the last one
        and has a lower number is of another journal: what comes twice is not later.
        """
        if event is None or not event.previous < event.seq:
            self.skipped += 1
            return
        if self.seq is not None and self._is_anew(event):
            ended = self.seq
            self.restart()
            unbroken = False
            yield Gap(1, 0, anew=ended)
        if self.seq is None or event.seq > self.seq:
            if not unbroken:
                yield from self._gap(missed(self.seq, event.previous))
            yield from self._event(event)

    def overdue(self, published: int | None) -> Gap | None:
        """The gap at the end of a stream that has nothing more, and has had nothing for a while.

        ``published`` is what the kernel says that it published last; ``None`` when it says nothing.
        """
        last = self._corrupt if published is None else published
        return missed(self.seq, last) if self.seq is not None else None

    def told(self, gap: Gap) -> None:
        """Note that the reader is told of a gap, and stands behind it."""
        self.seq = gap.last

    def _is_anew(self, event: ObservedEvent) -> bool:
        last = self.last
        return last is not None and event.seq <= last.seq and event.time > last.time + _LATER

    def _passed_over(self, seq: int, part: int) -> Iterator[Gap]:
        self.skipped += 1
        if part or seq >= _CLOCK_IDS or (self.seq is not None and seq <= self.seq):
            return
        # One that is not the next may follow on events that were left out of the mirror on
        # purpose: what is missing before it is said by the next event's ``previous``.
        self._corrupt = max(self._corrupt, seq)
        if self.seq is None or seq == self.seq + 1:
            yield from self._gap(Gap(seq, seq))

    def _gap(self, gap: Gap | None) -> Iterator[Gap]:
        if gap is not None:
            self.told(gap)
            yield gap

    def _event(self, event: ObservedEvent) -> Iterator[ObservedEvent]:
        self.seq, self.last = event.seq, event
        yield event


def read_event(payload: object) -> ObservedEvent | None:
    """The event in these bytes, or ``None``: they may be anything."""
    try:
        return parse(payload) if isinstance(payload, bytes) else None
    except Exception:  # noqa: BLE001 - whatever a hostile entry leads to, the reader goes on
        return None


def read_entry(entry: Sequence[Any]) -> tuple[Place, ObservedEvent | None]:
    """An entry of the stream: its id, and the event that is in it."""
    fields = entry[1] or ()
    return place_of(entry[0]), read_event(_payload(fields))


def place_of(identity: bytes) -> Place:
    """``17-0`` as numbers."""
    first, _, second = identity.partition(b"-")
    return int(first), int(second or 0)


def renumbered(
    cursor: int, last: ObservedEvent | None, at: ObservedEvent | None, top: ObservedEvent | None
) -> bool | None:
    """Whether a stream that follows another journal than before counts anew; ``None``: too early.

    ``last`` is the event that was seen last, ``at`` what the stream has in its place now, and
    ``top`` the stream's last. A kernel that goes on in its journal keeps its numbers; one that
    first fills an emptied stream adds older events than those that were seen. A stream that was
    trimmed past it tells nothing: then a gap from the first event on is told rather than a new
    journal's first events kept silent.
    """
    if at is not None and last is not None:
        return at.id != last.id
    if top is None:
        return None
    if last is None:
        return top.seq < cursor
    return top.seq >= last.seq or top.time > last.time


def _payload(fields: Sequence[Any] | Mapping[Any, Any]) -> object:
    if isinstance(fields, Mapping):
        return fields.get(b"event")
    if len(fields) == 4 and fields[2] == b"event":  # as the kernel writes them
        return fields[3]
    pairs = dict(zip(fields[::2], fields[1::2], strict=False))
    return pairs.get(b"event")

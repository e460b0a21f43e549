"""Which events a reader wants, and in pages: forward from a cursor, or backward from the newest."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

import msgspec

from retinue.bus.envelope import Event
from retinue.bus.journal import Filter

from .source import Source

__all__ = ["Page", "Wanted", "page"]


class Wanted(msgspec.Struct, frozen=True):
    """What to list. ``after`` and ``before`` are exclusive; ``since`` and ``until`` epoch seconds."""

    only: Filter = Filter()
    after: int | None = None
    before: int | None = None
    since: float | None = None
    until: float | None = None
    limit: int = 100

    def fits(self, event: Event) -> bool:
        """Whether its moment is within the times that are given."""
        return (self.since is None or event.time >= self.since) and (
            self.until is None or event.time <= self.until
        )


class Page(msgspec.Struct, frozen=True):
    """Events in order, and where to go on: ``older`` for ``before``, ``newer`` for ``after``.

    ``missing`` are events that were asked for and are no longer kept, as a first and a last ``seq``.
    """

    events: list[Event]
    older: int | None = None
    newer: int | None = None
    missing: tuple[int, int] | None = None


def page(source: Source, wanted: Wanted) -> Page:
    """The ``limit`` events that follow ``after``, or without it the newest ones below ``before``."""
    if wanted.after is not None or wanted.since is not None:
        return _forward(source, wanted)
    return _newest(source, wanted)


def _forward(source: Source, wanted: Wanted) -> Page:
    after = wanted.after or 0
    found = _matching(source, wanted, after)
    events = list(islice(found, wanted.limit))
    more = next(found, None) is not None
    return Page(events, None, events[-1].seq if more else None, _missing(source, wanted, after))


def _newest(source: Source, wanted: Wanted) -> Page:
    """Look at a window before the end, twice as wide each time, until it holds enough."""
    end = source.last if wanted.before is None else min(source.last, wanted.before - 1)
    first = source.first
    window = 4 * wanted.limit
    while True:
        start = max(first - 1, end - window)
        kept: deque[Event] = deque(_matching(source, wanted, start, end), wanted.limit + 1)
        if len(kept) > wanted.limit or start <= first - 1:
            break
        window *= 4
    events = list(kept)[-wanted.limit :]
    older = events[0].seq if events and len(kept) > wanted.limit else None
    return Page(events, older, None, _missing(source, wanted, 0) if older is None else None)


def _missing(source: Source, wanted: Wanted, after: int) -> tuple[int, int] | None:
    """What would have been looked at after ``after``, and went; younger than ``since`` it cannot be."""
    first = source.first
    last = first - 1 if wanted.before is None else min(first - 1, wanted.before - 1)
    if after >= last:
        return None
    oldest = next(source.read(0, None, 1), None)
    too_old = wanted.since is not None and oldest is not None and oldest.time < wanted.since
    return None if too_old else (after + 1, last)


def _matching(
    source: Source, wanted: Wanted, after: int, until: int | None = None
) -> Iterator[Event]:
    ends = [end for end in (until, None if wanted.before is None else wanted.before - 1) if end]
    end = min(ends, default=None)
    for event in source.read(after, wanted.only):
        if end is not None and event.seq > end:
            return
        if wanted.fits(event):
            yield event

"""What a client missed while it was away, read from the journal in pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from retinue.bus.envelope import Event
from retinue.bus.journal import EventStore, Filter

__all__ = ["Page", "read_page"]

MAX_EVENTS = 1024
MAX_BYTES = 128 * 1024
_ATTEMPTS = 8


class Page(NamedTuple):
    """Events after a cursor. ``until``: how far that is all; ``lost``: up to where they are gone."""

    events: list[Event]
    until: int
    lost: int


def read_page(
    store: EventStore,
    after: int,
    only: Filter | None,
    end: int | None,
    go_on: Callable[[], bool] = lambda: True,
) -> Page:
    """The next page after ``after``, and not beyond ``end``; blocks while the journal is read.

    What was trimmed is told exactly: a page in whose midst a trim falls is read once more. ``go_on``
    is asked now and then whether anybody still waits.
    """
    for _ in range(_ATTEMPTS):
        page, whole = _read_once(store, after, only, end, go_on)
        if whole:
            return page
    return _read_once(store, after, only, end, go_on)[0]


def _read_once(
    store: EventStore,
    after: int,
    only: Filter | None,
    end: int | None,
    go_on: Callable[[], bool],
) -> tuple[Page, bool]:
    """The page, and whether nothing of it was trimmed while it was read."""
    first, last = store.first, store.last
    lost = first - 1 if first > after + 1 else 0
    begin = max(after, lost)
    events, complete = _some(store.read(begin, only), end, go_on)
    whole = store.first <= begin + 1 or store.first > store.last
    until = events[-1].seq if events else begin
    if complete:
        until = max(until, last)
    if end is not None:
        until, lost = min(until, end), min(lost, end)
    return Page(events, until, lost), whole


def _some(
    found: Iterator[Event], end: int | None, go_on: Callable[[], bool]
) -> tuple[list[Event], bool]:
    """The first of them, and whether that was all."""
    events: list[Event] = []
    size = 0
    for event in found:
        if end is not None and event.seq > end:
            break
        events.append(event)
        size += len(event.envelope.body)
        if len(events) >= MAX_EVENTS or size >= MAX_BYTES or not go_on():
            return events, False
    return events, True

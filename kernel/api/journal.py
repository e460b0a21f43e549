"""The journal: how much is kept, who needs it, and letting go of the rest."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import msgspec
from msgspec import Meta

from retinue.actors.keeping import Trimmed
from retinue.bus.journal import Filter
from retinue.bus.views import JournalView

from .live.shared import Encoders
from .router import Body, Call, Query, Route
from .tasks import Limit, Name

__all__ = ["ROUTES"]

Seq = Annotated[int, Meta(ge=0, le=2**53)]


class Cursor(Body, frozen=True):
    """The last event that the reader has."""

    seq: Seq


class Wanted(Query, frozen=True):
    """Which events: those of a run, a task, an agent, of types (globs, several times).

    ``after`` is a ``seq``, exclusive; ``since`` and ``until`` are seconds since the epoch.
    """

    run: Name = ""
    task: Name = ""
    agent: Name = ""
    type: tuple[Name, ...] = ()
    after: Seq = 0
    since: float | None = None
    until: float | None = None
    limit: Limit = 100


class Events(msgspec.Struct, frozen=True):
    """Events in order, and where to go on (``after``), null at the end. ``first`` is the oldest kept."""

    events: list[msgspec.Raw]
    next: int | None
    first: int
    last: int


class Reader(msgspec.Struct, frozen=True):
    """A reader, and the last event that it has."""

    reader: str
    seq: int


class Forgotten(msgspec.Struct, frozen=True):
    """That a reader holds nothing any more."""

    reader: str
    forgotten: bool


def show(call: Call) -> JournalView:
    """What is kept, how large it is, what bounds it, and who holds it."""
    return call.kernel.journal.view()


def query_events(call: Call) -> Events:
    """Events of the past, a page at a time; ``GET /v1/events`` follows them live."""
    query: Wanted = call.query
    store, whole = call.kernel.feed.store, Encoders(call.kernel.name).whole
    only = Filter(query.run, query.task, query.agent, query.type)
    found = (e for e in store.read(query.after, only) if _within(e.time, query))
    page = list(islice(found, query.limit + 1))
    events = [msgspec.Raw(whole(event, event.seq - 1)) for event in page[: query.limit]]
    more = page[query.limit - 1].seq if len(page) > query.limit else None
    return Events(events, more, store.first, store.last)


def _within(time: float, query: Wanted) -> bool:
    return (query.since is None or time >= query.since) and (
        query.until is None or time <= query.until
    )


def trim(call: Call) -> Trimmed:
    """Let go now of what is over the bounds."""
    return call.kernel.journal.trim()


def register(call: Call) -> Reader:
    """A reader has everything up to an event: what follows is kept for it."""
    name = call.params["name"]
    call.kernel.journal.register(name, call.body.seq)
    return Reader(name, call.body.seq)


def forget(call: Call) -> Forgotten:
    """The reader needs nothing more."""
    name = call.params["name"]
    call.kernel.journal.forget(name)
    return Forgotten(name, forgotten=True)


ROUTES = (
    Route("GET", "/v1/journal", show, role="viewer"),
    Route("GET", "/v1/journal/events", query_events, Wanted, role="viewer"),
    Route("POST", "/v1/journal/trim", trim, lane="wait", role="admin"),
    Route("POST", "/v1/journal/readers/{name}", register, body=Cursor, role="admin"),
    Route("DELETE", "/v1/journal/readers/{name}", forget, role="admin"),
)

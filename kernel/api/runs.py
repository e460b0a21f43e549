"""Runs: lists, cancel, try again, fork, and their events with the times at which they came."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from retinue.bus.journal import Filter
from retinue.bus.views import RunView

from .live.shared import Encoders
from .paging import paged
from .router import Answer, Body, Call, Query, Route
from .tasks import ACCEPTED, Cancelled, Limit, Name, Reason, State, Waiting, after, cancel

__all__ = ["ROUTES"]

Seq = Annotated[int, Meta(ge=0, le=2**53)]


class Chosen(Query, frozen=True):
    """Which runs to list, newest first; ``before``: those that are older than this one."""

    state: State | None = None
    agent: Name | None = None
    before: Name | None = None
    limit: Limit = 100


class Fork(Body, frozen=True):
    """Where to go on: at the event with that ``seq``, and with another input, if any is given."""

    at: Seq | None = None
    input: dict[str, Any] | None = None


class From(Query, frozen=True):
    """The events after a ``seq``, and how many at most."""

    after: Seq = 0
    limit: Limit = 1000


class Moment(msgspec.Struct, frozen=True):
    """An event, and how many seconds after the run's beginning it came."""

    at: float
    seq: int
    event: msgspec.Raw


class Recording(msgspec.Struct, frozen=True):
    """A part of a run as it was, to be played at any speed.

    ``began`` and ``ended`` are seconds since the epoch. ``next`` is where to go on (``after``), and
    null at the end of what there is; a run that is not over may have more later.
    """

    run: str
    began: float
    ended: float | None
    moments: list[Moment]
    next: int | None


def listing(call: Call) -> Answer:
    """Runs, newest first; the header ``Link`` has the next page."""
    query: Chosen = call.query
    return paged(call.kernel.runs(**msgspec.structs.asdict(query)), query, "/v1/runs")


def show(call: Call) -> RunView:
    """One run."""
    return call.kernel.run(call.params["id"])


def retry(call: Call) -> Answer:
    """A new run that does what an ended one did; answers as ``POST /v1/tasks`` does."""
    return after(call, call.kernel.retry(call.kernel.run(call.params["id"]).root))


def fork(call: Call) -> Answer:
    """The root task of a new run that goes on from another one; answers as ``POST /v1/tasks`` does."""
    asked: Fork = call.body
    return after(call, call.kernel.fork(call.params["id"], asked.at, asked.input))


def recording(call: Call) -> Recording:
    """A run's events with the times at which they came: what a player needs."""
    run, query = call.kernel.run(call.params["id"]), call.query
    events = call.kernel.feed.store.read(query.after, Filter(run=run.id))
    page = list(islice(events, query.limit + 1))
    whole = Encoders(call.kernel.name).whole
    moments = [
        Moment(max(0.0, e.time - run.started), e.seq, msgspec.Raw(whole(e, e.seq - 1)))
        for e in page[: query.limit]
    ]
    more = page[query.limit - 1].seq if len(page) > query.limit else None
    return Recording(run.id, run.started, run.ended, moments, more)


ROUTES = (
    Route("GET", "/v1/runs", listing, Chosen, role="viewer", answers={200: list[RunView]}),
    Route("GET", "/v1/runs/{id}", show, role="viewer"),
    Route("GET", "/v1/runs/{id}/recording", recording, From, role="viewer"),
    Route(
        "POST",
        "/v1/runs/{id}/cancel",
        cancel,
        body=Reason,
        role="operator",
        answers={202: Cancelled},
    ),
    Route(
        "POST",
        "/v1/runs/{id}/retry",
        retry,
        Waiting,
        lane="wait",
        role="operator",
        answers=ACCEPTED,
    ),
    Route("POST", "/v1/runs/{id}/fork", fork, Waiting, Fork, "wait", "operator", ACCEPTED),
)

"""``GET /v1/events``: the events as JSON lines or server-sent events, live or from a cursor."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from retinue.bus.errors import InvalidInput, KernelClosed, MailboxFull, NotFound

from .live.hub import Hub
from .live.shared import Encoders
from .live.views import Gap, Lines, ServerSent, View
from .live.wanted import Wanted
from .live.watch import Terms, Watch
from .problems import Problem, problem_of
from .responses import problem_response
from .router import Call, Query, Route, parsed_query
from .streaming import Stream

__all__ = ["ROUTES", "Cursor", "EventStreams", "Rate", "after"]

_DIGITS = 18  # of the largest number that a journal can hold
Rate = Annotated[float, Meta(gt=0, le=100_000)]


class Cursor(Query, frozen=True):
    """Where to begin, what to leave out, and how to go on.

    ``from`` is ``now``, ``start`` or the first ``seq`` that is wanted, ``to`` the last one; ``type``
    is a glob and may come several times. ``cause`` is the id of what led to the events: that of a call
    of a tool, or of another event. ``follow``: go on once all was read. ``rate`` is how many
    events a second are sent at most. ``slow`` says what happens to a client that reads too slowly:
    with ``wait`` it falls behind and misses nothing, with ``drop`` its oldest events go, and a gap
    tells which; JSON lines wait by default, server-sent events drop. With ``named=false`` the latter
    have no ``event`` field, and a browser's ``onmessage`` gets them all. ``heartbeat`` is after how
    many seconds of silence one is sent: 1 for JSON lines, 5 for server-sent events by default.
    """

    start: str = msgspec.field(name="from", default="now")
    to: Annotated[int, Meta(ge=1)] | None = None
    run: str = ""
    task: str = ""
    agent: str = ""
    cause: str = ""
    type: tuple[str, ...] = ()
    follow: bool = True
    slow: str | None = None
    rate: Rate | None = None
    named: bool = True
    heartbeat: Annotated[float, Meta(ge=1, le=60)] | None = None


class EventStreams:
    """Answers ``GET /v1/events``."""

    def __init__(self, hub: Hub, *, guests: bool) -> None:
        """All clients of ``hub`` share its bounds; ``guests`` come over TCP."""
        self._hub = hub
        self._guests = guests

    async def answer(self, request: Request) -> Response:
        """The stream, or the problem that keeps it from starting."""
        try:
            return self._stream(request, parsed_query(request, Cursor))
        except (InvalidInput, MailboxFull, KernelClosed) as error:
            return problem_response(error)

    def _stream(self, request: Request, cursor: Cursor) -> Response:
        sent = "text/event-stream" in request.headers.get("accept", "")
        view: View = Lines(cursor.heartbeat or 1.0)
        if sent:
            view = ServerSent(cursor.named, cursor.heartbeat or 5.0)
        wanted = Wanted(cursor.run, cursor.task, cursor.agent, cursor.type, cursor.cause)
        came_back = request.headers.get("last-event-id", "") if sent else ""
        begin = _last_event(came_back) if came_back else after(cursor.start, self._hub)
        anew = _anew(begin, self._hub)
        watch = Watch(
            self._hub,
            wanted,
            view,
            anew.last if anew else begin,
            self._terms(cursor, waits=not sent),
        )
        if anew:
            watch.tell(view.gap(anew))
        kind = "text/event-stream" if sent else "application/x-ndjson"
        return Stream(watch, kind)

    def _terms(self, cursor: Cursor, *, waits: bool) -> Terms:
        if cursor.slow not in (None, "wait", "drop"):
            raise InvalidInput(f"slow={cursor.slow}: give wait or drop")
        end = cursor.to
        if not cursor.follow:
            last = self._hub.feed.store.last
            end = last if end is None else min(end, last)
        waits = waits if cursor.slow is None else cursor.slow == "wait"
        return Terms(waits, end, cursor.rate, self._guests)


def after(start: str, hub: Hub) -> int:
    """The ``seq`` behind which a client begins that asks for ``from=START``."""
    store = hub.feed.store
    if start == "now":
        return store.last
    if start == "start":
        return store.first - 1
    begin = (
        _number(f"from={start}", start, 1, "now, start, or a sequence number from 1 upwards") - 1
    )
    if begin > store.last:
        raise InvalidInput(
            f"from={start}: the journal ends at {store.last}, so this number is of another one: "
            "begin with start, or with now"
        )
    return begin


def show(call: Call) -> Any:
    """One event, whole: 404 for one that is still to come, 410 for one that was trimmed."""
    seq = _number("an event's number", call.params["seq"], 1, "a whole number from 1 upwards")
    store = call.kernel.feed.store
    if seq > store.last:
        raise NotFound(f"there is no event {seq} yet: the newest is {store.last}")
    event = next(store.read(seq - 1, limit=1), None)
    if event is None or event.seq != seq:
        gone = f"event {seq} is no longer kept: the journal begins at {store.first}"
        return problem_of(NotFound(gone), 410)
    return msgspec.Raw(Encoders(call.kernel.name).whole(event, seq - 1))


def _anew(begin: int, hub: Hub) -> Gap | None:
    """The gap that says that the events are numbered anew, to who comes back with another cursor."""
    store = hub.feed.store
    if begin <= store.last:
        return None
    return Gap(1, store.first - 1, "anew", None, "the journal before: its file, if it had one")


def _last_event(given: str) -> int:
    return _number(f"Last-Event-ID: {given[:40]}", given, 0, "the id of an event that you got")


def _number(what: str, given: str, least: int, rule: str) -> int:
    if not given.isascii() or not given.isdigit() or len(given) > _DIGITS or int(given) < least:
        raise InvalidInput(f"{what[:80]}: give {rule}")
    return int(given)


ROUTES = (
    Route(
        "GET", "/v1/events/{seq}", show, role="viewer", answers={200: dict[str, Any], 410: Problem}
    ),
)

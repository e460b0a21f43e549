"""The events as a stream of JSON lines, live or from a cursor."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from retinue.bus.envelope import Event
from retinue.bus.errors import InvalidInput, MailboxFull
from retinue.bus.journal import Filter
from retinue.bus.wire import EventEncoder

from .problems import problem_of
from .pump import Pump
from .router import Query, parsed_query, problem_response

if TYPE_CHECKING:
    from ..kernel import Kernel

__all__ = ["EventStreams"]

_MAX_STREAMS = 64
Start = Literal["now", "start"] | int


class Cursor(Query, frozen=True):
    """Where to begin, what to leave out, and whether to go on once all was read.

    ``from`` is ``now``, ``start`` or the first ``seq`` that is wanted; ``type`` is a glob and
    may come several times.
    """

    start: str = msgspec.field(name="from", default="now")
    run: str = ""
    task: str = ""
    agent: str = ""
    type: tuple[str, ...] = ()
    follow: bool = True


class EventStreams:
    """Answers ``GET /v1/events``. Each line is an event, a problem, or empty: a heartbeat."""

    def __init__(self, kernel: Kernel, limit: int = _MAX_STREAMS) -> None:
        """``limit`` is how many clients may follow at once."""
        self._kernel = kernel
        self._limit = limit
        self._lock = threading.Lock()
        self._open: set[Pump] = set()
        self._closed = False

    async def answer(self, request: Request) -> Response:
        """The stream, or the problem that keeps it from starting."""
        try:
            cursor = parsed_query(request, Cursor)
            after = _after(cursor.start)
            self._check_room()
        except (InvalidInput, MailboxFull) as error:
            return problem_response(error)
        return StreamingResponse(self._chunks(cursor, after), media_type="application/x-ndjson")

    def close(self) -> None:
        """End every stream, and let no other begin."""
        with self._lock:
            self._closed = True
            pumps = list(self._open)
        for pump in pumps:
            pump.stop()

    async def _chunks(self, cursor: Cursor, after: Start) -> AsyncIterator[bytes]:
        """Begins with its first chunk: a response that nobody came to read has taken nothing."""
        pump = Pump(_events(self._kernel, cursor, after), _encoder(self._kernel.name), _last_line)
        with self._lock:
            self._open.add(pump)
            if self._closed:
                pump.stop()
        try:
            async for chunk in pump.chunks():
                yield chunk
        finally:
            pump.stop()
            with self._lock:
                self._open.discard(pump)

    def _check_room(self) -> None:
        with self._lock:
            if len(self._open) >= self._limit:
                raise MailboxFull(f"{self._limit} clients already follow the events: end one first")


def _events(kernel: Kernel, cursor: Cursor, after: Start) -> Iterator[Event | None]:
    only = Filter(cursor.run, cursor.task, cursor.agent, cursor.type)
    return kernel.events(after=after, only=only, follow=cursor.follow)


def _encoder(kernel: str) -> Callable[[Event], bytes]:
    """One stream's: each event names the one that this stream sent before it."""
    encode = EventEncoder(kernel).encode
    previous = 0

    def line(event: Event) -> bytes:
        nonlocal previous
        data = encode(event, previous)
        previous = event.seq
        return data

    return line


def _after(start: str) -> Start:
    if start == "now":
        return "now"
    if start == "start":
        return "start"
    if not start.isascii() or not start.isdigit() or int(start) < 1:
        raise InvalidInput(f"from={start}: give now, start, or a sequence number from 1 upwards")
    return int(start) - 1


def _last_line(error: Exception) -> bytes:
    return msgspec.json.encode({"problem": problem_of(error)})

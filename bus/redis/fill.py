"""Asking a kernel, over Redis, for events that its stream does not have."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

import msgspec
import redis

from ..clock import Clock
from ..errors import NotFound, Unavailable
from ..topics import fill_channel, fill_key, stream
from ..wire import ObservedEvent
from .access import Access
from .address import parse as parse_url
from .client import COMMAND_TIMEOUT, connection, mended_by_reconnecting, naming
from .cursor import read_event
from .exchange import Ask, Drop, Line, Pause, Steps, T, checked
from .gaps import Filled, how_to_fill
from .wanted import Wanted

__all__ = ["FillClient", "asking", "asking_whole"]

_BLOCK = 0.5
_AGAIN = 2.0
"""Seconds after which a request is made again: one that is published may be lost."""
_NOBODY = 3.0
"""Seconds for which nobody may listen: a kernel whose connection was lost is back by then."""
_ATTEMPTS = 3
"""Connections that are tried when one is lost, or does not answer, in the middle of a page."""
_MOST = 10_000
"""Elements that are taken off an answer at once; a page has a thousand."""


class FillClient:
    """Gets what is in a gap. Any thread; each call opens a connection of its own."""

    def __init__(
        self, url: str, kernel: str, wanted: Wanted, access: Access | None, clock: Clock
    ) -> None:
        """``wanted`` are the events that the reader is given."""
        self.kernel = kernel
        self._url = url
        self._wanted = wanted
        self._access = access
        self._clock = clock

    def fill(self, first: int, last: int, timeout: float, journal: str = "") -> Filled:
        """The events of a range; see ``Gap.fill``."""
        return self._run(self.asking(first, last, timeout, journal))

    def whole(self, event: ObservedEvent, timeout: float) -> ObservedEvent:
        """The event with its body; see ``Subscriber.whole``."""
        return self._run(asking_whole(self.kernel, event, timeout, self._clock))

    def asking(self, first: int, last: int, timeout: float, journal: str = "") -> Steps[Filled]:
        """The same as steps, for an event loop."""
        trusting = parse_url(self._url).kind != "cluster"
        return asking(
            self.kernel,
            first,
            last,
            timeout,
            self._clock,
            self._wanted,
            counted=trusting,
            journal=journal,
        )

    def _run(self, steps: Steps[T]) -> T:
        one = connection(
            self._url, _BLOCK + COMMAND_TIMEOUT, slot=stream(self.kernel), access=self._access
        )
        line = Line(lambda: one, threading.Event())
        try:
            with naming(self._url):
                return line.run(steps)
        finally:
            line.drop()


class _Page(msgspec.Struct):
    missing: tuple[tuple[int, int], ...] = ()
    next: int | None = None
    retry_after: float = 0.0


def asking(
    kernel: str,
    first: int,
    last: int,
    timeout: float,
    clock: Clock,
    wanted: Callable[[ObservedEvent], bool],
    *,
    counted: bool = True,
    journal: str = "",
) -> Steps[Filled]:
    """Ask for page after page until the range is through; raises ``Unavailable``.

    A kernel that has another ``journal`` meanwhile has none of them. ``counted`` tells whether Redis
    can say that nobody listens; a node of a cluster cannot.
    """
    deadline = clock.monotonic() + timeout
    run = wanted.run if isinstance(wanted, Wanted) else ""
    events: list[ObservedEvent] = []
    lost: list[tuple[int, int]] = []
    start: int | None = first if first <= last else None
    while start is not None:
        request = _Request(kernel, start, last, run, counted, journal)
        page, found = yield from _page(request, deadline, clock)
        events += [e for e in found if start <= e.seq <= last and wanted(e)]
        lost += page.missing
        if page.next is not None and not start < page.next <= last:
            raise Unavailable(f"{request}: its answer goes on at {page.next}, which is not ahead")
        start = page.next
    return Filled(events, lost)


def asking_whole(
    kernel: str, event: ObservedEvent, timeout: float, clock: Clock
) -> Steps[ObservedEvent]:
    """Ask for one event; raises ``NotFound`` when nobody has it any more."""
    filled = yield from asking(
        kernel, event.seq, event.seq, timeout, clock, lambda found: found.id == event.id
    )
    if not filled:
        raise NotFound(
            f"event {event.seq} of kernel {kernel}: the body was too large to be sent along, and "
            "the journal does not have it any more: keep events for longer (journal.keep)"
        )
    return filled[0]


class _Request(msgspec.Struct, frozen=True):
    kernel: str
    first: int
    last: int
    run: str
    counted: bool
    journal: str

    def __str__(self) -> str:
        return f"kernel {self.kernel!r} was asked for events {self.first} to {self.last}"

    def body(self, identity: str) -> bytes:
        asked = {"id": identity, "first": self.first, "last": self.last, "run": self.run}
        return msgspec.json.encode({**asked, "journal": self.journal})

    def unanswered(self, why: str) -> Unavailable:
        remedy = how_to_fill(self.kernel, self.first, self.last)
        return Unavailable(f"{self}, and {why}: start it, or {remedy}")


def _page(
    request: _Request, deadline: float, clock: Clock
) -> Steps[tuple[_Page, list[ObservedEvent]]]:
    attempts = 0
    while True:
        try:
            answer = yield from _exchange(request, deadline, clock)
        except redis.RedisError as error:
            attempts += 1
            late = attempts == _ATTEMPTS or clock.monotonic() >= deadline
            if late or not (isinstance(error, redis.TimeoutError) or mended_by_reconnecting(error)):
                raise
            yield Drop()
            yield Pause(0.05)
            continue
        page = _decoded(answer[0], request)
        if page.retry_after <= 0:
            return page, _events(answer[1:], request)
        left = deadline - clock.monotonic()
        if left < page.retry_after:
            raise Unavailable(
                f"{request}, and it has too much to do: wait longer than {max(left, 0):.1f} s"
            )
        yield Pause(page.retry_after)


def _exchange(request: _Request, deadline: float, clock: Clock) -> Steps[list[bytes]]:
    """Publish the request until somebody takes it; the elements of the answer."""
    heard_by = min(deadline, clock.monotonic() + _NOBODY)
    why = "it did not answer in time"
    while clock.monotonic() < deadline:
        identity = uuid.uuid4().hex
        body = request.body(identity)
        channel = fill_channel(request.kernel).encode()
        (heard,) = yield Ask(((b"PUBLISH", channel, body),))
        if not checked(heard) and request.counted:
            why = "nobody by that name listens"
            if clock.monotonic() >= heard_by:
                break
            yield Pause(0.05)
            continue
        why = "it did not answer in time"
        key = fill_key(request.kernel, identity).encode()
        answer = yield from _answer(key, min(deadline, clock.monotonic() + _AGAIN), clock)
        if answer:
            return answer
    raise request.unanswered(why)


def _answer(key: bytes, deadline: float, clock: Clock) -> Steps[list[bytes]]:
    while (left := deadline - clock.monotonic()) > 0:
        block = b"%.3f" % max(0.001, min(_BLOCK, left))
        head, rest = yield Ask(((b"BLPOP", key, block), (b"LPOP", key, b"%d" % _MOST)))
        if checked(head):
            return [head[1], *(checked(rest) or ())]
        if checked(rest):
            return list(rest)  # it came between the end of the wait and the next command
    return []


def _decoded(header: bytes, request: _Request) -> _Page:
    try:
        return msgspec.json.decode(header, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unavailable(f"{request}, and its answer cannot be read: {error}") from error


def _events(payloads: list[bytes], request: _Request) -> list[ObservedEvent]:
    found = [read_event(payload) for payload in payloads]
    events = [event for event in found if event is not None]
    if len(events) < len(found):
        raise Unavailable(f"{request}, and an event of its answer cannot be read: ask again")
    return events

"""Answering observers who ask for events that the stream no longer has: pages of the journal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Annotated, NamedTuple

import msgspec
import redis
from msgspec import Meta

from ..envelope import Event
from ..errors import JournalError, KernelClosed
from ..journal import EventStore, Filter, identity_of
from ..topics import Selection, fill_key
from ..wire import EventEncoder, Form
from .bucket import Bucket
from .client import RawConnection, mended_by_reconnecting
from .frames import TooLarge
from .resp import bulk, command

__all__ = ["FillRequest", "FillServer", "Page", "page_of"]

PAGE_EVENTS = 1_000
PAGE_BYTES = 1 << 20
_PAGE_READ = 20_000
"""Events that are looked at for one page, whether they are wanted or not."""
_PAGES_A_SECOND = 20
_BYTES_A_SECOND = 4 << 20
"""Answers stay in Redis for half a minute when nobody takes them: this bounds what they take there."""
_REFUSALS_A_SECOND = 200
_WAITING = 64
_EXPIRE = b"30"
_WHOLE = 1 << 62
_TROUBLE = 1.0
"""Seconds to wait for a journal that cannot be read."""
_ATTEMPTS = 5
_BREATH = 64
"""Events after which the other threads of the process get their turn."""

Number = Annotated[int, Meta(ge=1, le=2**53)]


class FillRequest(msgspec.Struct):
    """Asks for the events from ``first`` to ``last``, of one run or all; answered under ``id``.

    Of another ``journal`` than the kernel's none is there any more; an empty one is the kernel's.
    """

    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    first: Number
    last: Number
    run: Annotated[str, Meta(max_length=256)] = ""
    journal: Annotated[str, Meta(max_length=64)] = ""


class _Header(msgspec.Struct):
    first: int
    last: int
    missing: list[tuple[int, int]]
    next: int | None


class Page(NamedTuple):
    """Events from ``first`` on, up to before ``next`` or to ``last``, as observers get them.

    ``missing`` are those that the journal does not have any more.
    """

    first: int
    last: int
    missing: list[tuple[int, int]]
    next: int | None
    events: list[bytes]


class FillServer:
    """Serves requests that come on the channel of fills. Used by one thread; reads the journal."""

    def __init__(
        self,
        connection: RawConnection,
        kernel: str,
        store: EventStore,
        selection: Selection,
        form: Form = "json",
    ) -> None:
        """``selection`` is what is mirrored, ``form`` how: nobody gets more here than there."""
        self._connection = connection
        self._kernel = kernel
        self._store = store
        self._selection = selection
        self._encode = EventEncoder(kernel, form, _WHOLE).encode
        self._waiting: deque[FillRequest] = deque(maxlen=_WAITING)
        self._pages = Bucket(_PAGES_A_SECOND, _PAGES_A_SECOND)
        self._bytes = Bucket(_BYTES_A_SECOND, 4 * _BYTES_A_SECOND)
        self._refusals = Bucket(_REFUSALS_A_SECOND, _REFUSALS_A_SECOND)
        self.served = 0
        """Pages given so far."""
        self.refused = 0
        """Requests that were malformed, or put off."""

    def hear(self, message: bytes | TooLarge) -> None:
        """Take a request; of too many that wait the oldest are forgotten, and asked again."""
        try:
            if isinstance(message, TooLarge):
                raise msgspec.ValidationError("too large")
            request = _read(message)
            if request.last < request.first:
                raise msgspec.ValidationError("it ends before it begins")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.refused += 1
            return
        self._waiting.append(request)

    @property
    def waiting(self) -> bool:
        """Whether there is a request to serve."""
        return bool(self._waiting)

    def serve(self, now: float) -> None:
        """Answer the oldest request, if there is one; ``now`` is monotonic seconds."""
        if not self._waiting:
            return
        request = self._waiting.popleft()
        if not (self._pages.take(now) and self._bytes.take(now, PAGE_BYTES)):
            self._put_off(request, max(self._pages.due(), self._bytes.due(PAGE_BYTES)), now)
            return
        try:
            page = self._page(request)
        except (JournalError, KernelClosed):
            page = None
        if page is None:
            self._put_off(request, _TROUBLE, now)
            return
        self._bytes.give(PAGE_BYTES - sum(map(len, page.events)))
        self._answer(request.id, _encode(_Header(*page[:4])), page.events)
        self.served += 1

    def close(self) -> None:
        """Disconnect."""
        self._connection.disconnect()

    def _page(self, request: FillRequest) -> Page | None:
        known = identity_of(self._store)
        if request.journal and known and request.journal != known:
            first, last = request.first, request.last
            return Page(first, last, [(first, last)], None, [])
        return page_of(request, self._store, self._selection, self._encode)

    def _put_off(self, request: FillRequest, seconds: float, now: float) -> None:
        self.refused += 1
        if self._refusals.take(now):
            self._answer(request.id, _encode({"retry_after": round(seconds + 0.01, 3)}), [])

    def _answer(self, id: str, header: bytes, events: list[bytes]) -> None:
        """Whoever gets no answer asks again: a server that is away is no failure here."""
        key = fill_key(self._kernel, id).encode()
        packed = [bulk(header), *map(bulk, events)]
        push = command((b"RPUSH", key), packed, len(packed))
        commands = [push, command((b"EXPIRE", key, _EXPIRE))]
        try:
            try:
                self._exchange(commands)
            except redis.RedisError as error:
                if not mended_by_reconnecting(error):
                    raise
                self._exchange(commands)
        except redis.RedisError:
            self.refused += 1

    def _exchange(self, commands: list[bytes]) -> None:
        try:
            self._connection.send_packed_command(commands, check_health=False)
            for _ in commands:
                self._connection.read_response()
        except redis.RedisError:
            self._connection.disconnect()
            raise


def page_of(
    request: FillRequest,
    store: EventStore,
    selection: Selection,
    encode: Callable[[Event, int], bytes],
    breathe: Callable[[], None] = lambda: time.sleep(0),
) -> Page | None:
    """As much of what is asked for as a page holds; ``next`` is where the next one begins.

    It gets on by an event at least. ``None`` when the journal is trimmed too fast to be read.
    Raises ``JournalError``.
    """
    first, last = request.first, min(request.last, store.last)
    for _ in range(_ATTEMPTS):
        floor = store.first
        begin = max(first, floor)
        events: list[bytes] = []
        reached = last
        if begin <= last:
            found = store.read(begin - 1, Filter(run=request.run), _PAGE_READ)
            events, reached = _gathered(found, begin, last, selection, encode, breathe)
        if store.first == floor:  # else the read may have missed what was trimmed meanwhile
            missing = [(first, min(begin - 1, last))] if first < begin and first <= last else []
            return Page(first, last, missing, reached + 1 if reached < last else None, events)
    return None


def _gathered(
    found: Iterator[Event],
    begin: int,
    last: int,
    selection: Selection,
    encode: Callable[[Event, int], bytes],
    breathe: Callable[[], None],
) -> tuple[list[bytes], int]:
    """What of the events is mirrored, and the ``seq`` up to which that is complete."""
    events: list[bytes] = []
    size, previous, count = 0, begin - 1, 0
    for count, event in enumerate(found, 1):
        if event.seq > last:
            return events, last
        if count % _BREATH == 0:
            breathe()
        if selection.matches(event.envelope):
            encoded = encode(event, previous)
            if events and (len(events) == PAGE_EVENTS or size + len(encoded) > PAGE_BYTES):
                return events, event.seq - 1
            events.append(encoded)
            size += len(encoded)
            previous = event.seq
        if count == _PAGE_READ:
            return events, event.seq
    return events, last


_read = msgspec.json.Decoder(FillRequest).decode
_encode = msgspec.json.Encoder().encode

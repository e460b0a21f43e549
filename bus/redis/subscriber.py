"""Reading a kernel's events from Redis: each once, in order, or a gap that says what is missing."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, Literal, Self

import redis

from ..clock import Clock, SystemClock
from ..errors import InvalidInput
from ..topics import check_kernel_name, journal_key, stream
from ..wire import ObservedEvent, parse
from .access import Access
from .client import naming, reading_client, redacted
from .gaps import Gap, missed

__all__ = ["Gap", "ObservedEvent", "Subscriber"]

_BLOCK = 1.0
"""Seconds that one read may block; between reads the reader sees whether the journal changed."""
_PAGE = 500
_FIRST_DELAY, _LONGEST_DELAY = 0.05, 1.0


class Subscriber:
    """Follows a kernel's stream. Used by one thread at a time.

    The stream holds every mirrored event before its channel does, so following it alone gives
    each event once and in order, without a subscription that a slow reader would lose.
    A lost connection is made again, with back-off, from where the reader stands.
    """

    def __init__(
        self,
        url: str,
        kernel: str = "main",
        start: Literal["now", "first"] | int = "now",
        run: str | None = None,
        types: Iterable[str] | None = None,
        *,
        clock: Clock | None = None,
        access: Access | None = None,
    ) -> None:
        """Choose where to begin and what to give.

        ``start``: events from now on, from the first that Redis has, or after the ``seq`` that
        was seen last (0: all there ever were). ``types`` are globs such as ``tool.*``.
        """
        self._url = url
        self._stream = stream(check_kernel_name(kernel))
        self._key = journal_key(kernel)
        self._start = _checked(start)
        self._run = run
        self._types = tuple(types or ())
        self._clock = clock or SystemClock()
        self._client: redis.Redis = reading_client(url, _BLOCK, slot=self._stream, access=access)
        self._journal: bytes | None = None
        self._cursor: int | None = None
        self._closed = threading.Event()
        self._fetching = threading.Lock()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Subscriber {self._stream} at {self._cursor} on {redacted(self._url)}>"

    @property
    def cursor(self) -> int | None:
        """The ``seq`` seen last, to begin after it another time; ``None`` before the first."""
        return self._cursor

    def open(self) -> None:
        """Connect and find the place to begin; raises ``Unavailable`` when Redis is away."""
        with naming(self._url):
            self._journal = self._get_journal()
            top = self._top()
        if self._start == "now":
            self._cursor = top
        elif isinstance(self._start, int):
            self._cursor = self._start

    def close(self) -> None:
        """End a ``read`` that is under way, within about a second, and disconnect. Any thread."""
        self._closed.set()
        with self._fetching:
            self._client.connection_pool.disconnect()

    def read(self, timeout: float | None = None) -> Iterator[ObservedEvent | Gap]:
        """Yield events and gaps as they come; ends after ``timeout`` seconds of silence.

        ``None`` waits for ever. The caller may stop early and read on later. A gap is given to
        every reader, whatever it filters by: nobody knows what was in it.
        """
        delay = _FIRST_DELAY
        quiet_since = self._clock.monotonic()
        while not self._closed.is_set():
            left = _left(timeout, quiet_since, self._clock.monotonic())
            try:
                with self._fetching:
                    entries = self._fetch(min(_BLOCK, left))
                delay = _FIRST_DELAY
            except redis.RedisError:
                self._closed.wait(min(delay, left))
                delay = min(2 * delay, _LONGEST_DELAY)
                entries = []
            for item in self._items(entries):
                yield item
                quiet_since = self._clock.monotonic()
            if not entries and left <= 0:
                return

    def _fetch(self, block: float) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """The entries after the cursor; waits ``block`` seconds for the first."""
        if self._closed.is_set():
            return []
        after = f"{self._cursor or 0}-0"
        milliseconds = max(1, round(block * 1000))
        reply: Any = self._client.xread({self._stream: after}, count=_PAGE, block=milliseconds)
        if reply:
            return list(reply[0][1])
        self._follow_journal()
        return []

    def _items(
        self, entries: list[tuple[bytes, dict[bytes, bytes]]]
    ) -> Iterator[ObservedEvent | Gap]:
        for _, fields in entries:
            event = parse(fields[b"event"])
            if gap := missed(self._cursor, event.previous):
                self._cursor = gap.last  # the caller may stop between the gap and the event
                yield gap
            self._cursor = event.seq
            if self._wants(event):
                yield event

    def _wants(self, event: ObservedEvent) -> bool:
        if self._run is not None and event.run != self._run:
            return False
        return not self._types or any(fnmatchcase(event.type, glob) for glob in self._types)

    def _follow_journal(self) -> None:
        """Begin anew when the kernel began a new journal, whose numbers start again."""
        journal = self._get_journal()
        if journal is None or journal == self._journal:
            return
        top = self._top()
        if self._cursor is not None and top < self._cursor:
            self._cursor = 0
        self._journal = journal

    def _get_journal(self) -> bytes | None:
        found: Any = self._client.get(self._key)
        return found if isinstance(found, bytes) else None

    def _top(self) -> int:
        last: Any = self._client.xrevrange(self._stream, count=1)
        return int(last[0][0].partition(b"-")[0]) if last else 0


def _checked(start: Literal["now", "first"] | int) -> Literal["now", "first"] | int:
    if start in ("now", "first") or (isinstance(start, int) and start >= 0):
        return start
    raise InvalidInput(f"start {start!r}: use 'now', 'first' or the seq that was seen last")


def _left(timeout: float | None, since: float, now: float) -> float:
    return _BLOCK if timeout is None else timeout - (now - since)

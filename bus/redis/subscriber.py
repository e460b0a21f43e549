"""Reading a kernel's events from Redis: each once, in order, or a gap that says what is missing."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal, Self

from ..clock import Clock, SystemClock
from ..errors import Unavailable
from ..topics import stream
from ..wire import ObservedEvent
from .access import Access
from .client import COMMAND_TIMEOUT, connection, naming, redacted
from .exchange import Line, Steps, T
from .fill import FillClient
from .following import BLOCK, Following, State
from .gaps import Gap
from .wanted import Wanted

__all__ = ["Gap", "ObservedEvent", "Subscriber"]


class Subscriber:
    """Follows a kernel's stream. Used by one thread at a time.

    The stream holds every mirrored event before its channel does, and a read that blocks on it
    returns sooner than redis-py gives a message of a channel. So following it alone gives each
    event once and in order, without a subscription that a slow reader would lose.
    A lost connection is made again, with back-off, from where the reader stands.

    A user of Redis that may not read the stream, but the channels of one run, follows those:
    ``run`` has to be given. After each new connection there is then a gap, if anything happened.
    """

    def __init__(
        self,
        url: str,
        kernel: str = "main",
        start: Literal["now", "first"] | int = "now",
        run: str | None = None,
        types: Iterable[str] | None = None,
        *,
        name: str = "",
        journal: str = "",
        access: Access | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Choose where to begin and what to give.

        ``start``: events from now on, from the first that Redis has, or after the ``seq`` that
        was seen last (0: all there ever were). ``types`` are globs such as ``tool.*``. A reader
        with a ``name`` notes its cursor in Redis, so that the kernel says so before it trims what
        this one has not read; see ``forget``. ``journal`` is what the journal of ``start`` is known
        by, if that was kept: a cursor of another one is told of at once. See ``Gap``.
        Raises ``InvalidInput`` for a start that is none, ``ConfigError`` for a malformed URL.
        """
        self._url = url
        self._clock = clock or SystemClock()
        wanted = Wanted(run, types)
        self._following = Following(kernel, start, wanted, name, self._clock, journal)
        self._closed = threading.Event()
        self._stepping = threading.Lock()
        self._place = stream(kernel)
        open_one = connection(url, BLOCK + COMMAND_TIMEOUT, slot=self._place, access=access)
        self._line = Line(lambda: open_one, self._closed)
        self._filler = FillClient(url, kernel, wanted, access, self._clock)
        self._opened = False

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Subscriber {self._place} at {self.cursor} {self.state} on {redacted(self._url)}>"

    @property
    def cursor(self) -> int | None:
        """The ``seq`` seen last, to begin after it another time; ``None`` before the first."""
        return self._following.cursor

    @property
    def journal(self) -> str:
        """What the journal that the cursor is of is known by: keep it with the cursor.

        Empty before the first look, and where nobody can tell.
        """
        return self._following.journal

    @property
    def live(self) -> bool:
        """Whether the reader has all that the kernel published, and the kernel was heard lately.

        As of the last look: half a second ago while it is read, and never true of a reader that
        has not been read for 3 s. Any thread.
        """
        return self.state == "live"

    @property
    def state(self) -> State:
        """``live``, ``behind``, ``silent`` (Redis is there, and no kernel is heard) or ``disconnected``."""
        return self._following.state

    @property
    def problem(self) -> str:
        """Why the last attempt to read failed; empty while all is well."""
        return self._following.problem

    @property
    def skipped(self) -> int:
        """Entries of the stream that could not be read as an event of the kernel's."""
        return self._following.skipped

    def open(self) -> None:
        """Connect and find the place to begin; raises ``Unavailable`` when Redis is away."""
        with naming(self._url):
            self._run(self._following.open())
        self._opened = True

    def close(self) -> None:
        """End a ``read`` that is under way, within half a second, and disconnect. Any thread."""
        self._closed.set()
        with self._stepping:
            try:
                with naming(self._url):
                    self._line.run(self._following.farewell())
            except Unavailable:
                pass  # a named reader's last note is a second old then
            finally:
                self._line.drop()

    def read(self, timeout: float | None = None) -> Iterator[ObservedEvent | Gap]:
        """Yield events and gaps as they come; ends after ``timeout`` seconds of silence.

        ``None`` waits for ever. The caller may stop early and read on later. A gap is given to
        every reader, whatever it filters by: nobody knows what was in it. Redis being away is
        silence: see ``state``.
        """
        if not self._opened:
            self.open()
        quiet_since = self._clock.monotonic()
        while not self._closed.is_set():
            while (item := self._following.take()) is not None:
                yield self._bound(item)
                quiet_since = self._clock.monotonic()
            left = _left(timeout, quiet_since, self._clock.monotonic())
            self._run(self._following.fetch(left))
            if left <= 0 and not self._following.has_items:
                return

    def whole(self, event: ObservedEvent, timeout: float = 5.0) -> ObservedEvent:
        """The event with its body, where that was too large to be sent along.

        Asks the kernel; ``timeout`` is in seconds. Raises ``NotFound`` when the kernel does not
        have it any more, and ``Unavailable`` when none answers.
        """
        return self._filler.whole(event, timeout) if event.dataref else event

    def forget(self) -> None:
        """Take a named reader off the kernel's list: it will not come back for what it has not read."""
        with naming(self._url):
            self._run(self._following.forget())

    def _run(self, steps: Steps[T]) -> T | None:
        with self._stepping:
            return None if self._closed.is_set() else self._line.run(steps)

    def _bound(self, item: ObservedEvent | Gap) -> ObservedEvent | Gap:
        return replace(item, _filler=self._filler) if isinstance(item, Gap) else item


def _left(timeout: float | None, since: float, now: float) -> float:
    return BLOCK if timeout is None else timeout - (now - since)

"""What a reader asks and decides, whoever carries it out: see ``exchange``. No I/O of its own."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

import redis

from ..clock import Clock, SystemClock
from ..errors import InvalidInput
from ..wire import ObservedEvent
from .asks import PAGE, Asks
from .client import mended_by_reconnecting
from .cursor import Cursor, Item, read_entry, read_event
from .exchange import Ask, Drop, Listen, Pause, Steps, checked
from .gaps import Gap
from .liveness import Liveness
from .origin import Origin, heartbeat_of
from .replies import denied, entries, first, published
from .wanted import Wanted

__all__ = ["BLOCK", "Following", "Start", "State"]

Start = Literal["now", "first"] | int
State = Literal["live", "behind", "silent", "disconnected"]
"""``live``; connected with more to read; connected to a Redis on which no kernel is heard; not connected."""

BLOCK = 0.5
"""Seconds that one read may block; after each the reader looks at journal and heartbeat."""
_LATE = 2.0
"""Seconds after which events that were published, and are not in the stream, will not come."""
_MARK = 1.0
"""Seconds between two notes of a named reader's cursor."""
_FIRST_DELAY, _LONGEST_DELAY = 0.05, 1.0


class Following:
    """One reader's state and steps. Steps are for one thread at a time; the rest for any."""

    def __init__(
        self,
        kernel: str,
        start: Start,
        wanted: Wanted,
        name: str = "",
        clock: Clock | None = None,
        journal: str = "",
        chance: Callable[[], float] = random.random,
    ) -> None:
        """See ``Subscriber``. Raises ``InvalidInput`` for a start that is none."""
        self._asks = Asks(kernel, wanted.run, name)
        self._start: Start = _checked_start(start)
        self._wanted = wanted
        self._named = bool(name)
        self._clock = clock or SystemClock()
        self._chance = chance
        self._tip = Cursor(start if isinstance(start, int) else None)
        self._items: deque[tuple[Item, int | None]] = deque()
        self._given = self._tip.seq
        self._origin = Origin(journal if isinstance(start, int) else "")
        self._liveness = Liveness()
        self._resolved = self._connected = self._by_channel = self._unbroken = False
        self._at_end = False
        self._late_since: float | None = None
        self._marked = float("-inf")
        self._delay = _FIRST_DELAY
        self.problem = ""

    @property
    def cursor(self) -> int | None:
        """The ``seq`` that the caller stands behind."""
        return self._given

    @property
    def journal(self) -> str:
        """What the journal that is read is known by."""
        return self._origin.journal

    @property
    def has_items(self) -> bool:
        """Whether ``take`` would give something."""
        return bool(self._items)

    @property
    def skipped(self) -> int:
        """How many entries and messages were none of the kernel's."""
        return self._tip.skipped

    @property
    def state(self) -> State:
        """As of the last look; a reader that does not read finds the kernel silent after a while."""
        beat = self._liveness.beat
        if not self._connected:
            return "disconnected"
        if self._items or not self._at_end or (beat and (self._tip.seq or 0) < beat.seq):
            return "behind"
        return "live" if self._liveness.fresh(self._clock.monotonic()) else "silent"

    def take(self) -> Item | None:
        """The next event or gap that was fetched, or ``None``: then ``fetch``."""
        if not self._items:
            self._given = self._tip.seq
            return None
        item, self._given = self._items.popleft()
        return item

    def open(self) -> Steps[None]:
        """Connect and find the place to begin; raises ``redis.RedisError``."""
        yield from self._connect()
        if self._named:
            for reply in (yield Ask((self._mark(),))):
                checked(reply)

    def fetch(self, seconds: float) -> Steps[None]:
        """Get what is new, for ``take``; waits for it, or for the server, for so many seconds."""
        wait, steady = max(0.0, min(BLOCK, seconds)), False
        try:
            if not self._connected:
                yield from self._connect()
            yield from self._listen(wait) if self._by_channel else self._page(wait)
            self.problem, self._delay, steady = "", _FIRST_DELAY, True
        except redis.RedisError as error:
            yield from self._failed(error, seconds)
        finally:
            self._connected = self._connected and steady

    def farewell(self) -> Steps[None]:
        """Note where a named reader stands, if that can still be done."""
        if self._named and self._connected and self._given is not None:
            yield Ask((self._mark(),))

    def forget(self) -> Steps[None]:
        """Take a named reader off the kernel's list."""
        for reply in (yield Ask((self._asks.forget(),))):
            checked(reply)
        self._named = False

    def _connect(self) -> Steps[None]:
        self._at_end, self._late_since = False, None
        replies = yield Ask((self._asks.look, self._asks.last))
        if self._wanted.run and any(denied(reply) for reply in replies):
            yield from self._subscribe()
            return
        (journal, beat), top = checked(replies[0]), first(checked(replies[1]))
        if not self._resolved:
            self._origin.begin(journal)
        self._note(beat, journal)
        if not self._resolved:
            self._resolve(top)
        if self._origin.differs(journal):
            yield from self._renumber(journal)
        self._tip.rewind()
        self._by_channel, self._connected = False, True

    def _resolve(self, top: tuple[int, ObservedEvent | None] | None) -> None:
        """Where "now" is: behind the last that was published, even if the stream has lost it."""
        if self._start == "now":
            beat = self._liveness.beat
            published = max(top[0] if top else 0, beat.seq if beat else 0)
            self._tip = Cursor(published or None)
            self._tip.last = top[1] if top and top[0] == published else None
        self._given = self._tip.seq
        self._resolved = True

    def _page(self, wait: float) -> Steps[None]:
        published = self._liveness.beat.seq if self._liveness.beat else None
        # Together, and in this order: entries that were read before a look at the journal's name
        # belong to that journal.
        page = self._asks.page(self._tip.place, wait)
        replies = yield Ask((*self._marks(), page, self._asks.look))
        found = entries(checked(replies[-2]))
        journal, beat = checked(replies[-1])
        for reply in replies[:-2]:
            checked(reply)
        if self._origin.differs(journal):
            yield from self._renumber(journal)
            self._note(beat, journal)
            return
        self._note(beat, journal)
        self._at_end = len(found) < PAGE
        for entry in found:
            self._add(self._tip.take(*read_entry(entry)))
        if found:
            self._late_since = None
        else:
            yield from self._quiet(published)

    def _quiet(self, published: int | None) -> Steps[None]:
        """The stream has nothing more: see whether something should be there that is not."""
        if self._tip.place > (self._tip.seq or 0, 0):
            replies = yield Ask((self._asks.last,))
            top = first(checked(replies[0]))
            if top is None or top[0] < self._tip.place[0]:
                self._tip.rewind()
        gap = self._tip.overdue(published)
        now = self._clock.monotonic()
        if gap is None:
            self._late_since = None
        elif self._late_since is None:
            self._late_since = now
        elif now - self._late_since >= _LATE:
            self._late_since = None
            self._tip.told(gap)
            self._add((gap,))

    def _renumber(self, journal: bytes) -> Steps[None]:
        """Begin anew when the kernel began a new journal, whose numbers start again."""
        anew: bool | None = False
        if cursor := self._tip.seq:
            at = self._asks.at(self._tip.last.seq if self._tip.last else cursor)
            replies = yield Ask((at, self._asks.last))
            found, top = (first(checked(reply)) for reply in replies)
            anew = self._origin.anew(
                journal, cursor, self._tip.last, found and found[1], top and top[1]
            )
            if anew is None:
                return  # the name stays another one, and is looked at again
        self._origin.adopt(journal)
        self._liveness.forget()  # what was published was by the other start
        self._late_since = None
        if anew:
            self._begin_anew()

    def _begin_anew(self) -> None:
        ended = self._tip.seq
        self._tip.restart()
        self._late_since = None
        self._add((Gap(1, 0, anew=ended),))

    def _subscribe(self) -> Steps[None]:
        """Follow the run's channel alone, where no more is allowed."""
        for reply in (yield Ask((self._asks.listen,))):
            checked(reply)
        if not self._resolved:
            if self._start == "first":
                self._tip = Cursor(0)
            self._resolved = True
        self._liveness.forget()
        self._unbroken = self._tip.seq is None
        self._by_channel = self._connected = self._at_end = True

    def _listen(self, wait: float) -> Steps[None]:
        message = yield Listen(wait)
        if message is None:
            # A half-open connection would be silent for ever; a refusal is an answer, too.
            (message,) = yield Ask(((b"PING",),))
        payload = published(message)
        if payload is None:
            return
        event = read_event(payload)
        self._add(self._tip.hear(event, unbroken=self._unbroken))
        self._unbroken = event is not None
        if event is not None:
            self._liveness.hear(self._clock.monotonic())

    def _add(self, items: Iterable[Item]) -> None:
        for item in items:
            if isinstance(item, Gap):
                item = replace(item, journal=self._origin.journal)  # noqa: PLW2901
            elif not self._wanted(item):
                continue
            self._items.append((item, self._tip.seq))

    def _note(self, beat: object, journal: bytes | None) -> None:
        heard = heartbeat_of(beat, journal)
        self._liveness.look(heard, self._clock.monotonic(), self._clock.time())
        if self._origin.ends_before(self._tip.seq, heard):
            self._begin_anew()

    def _marks(self) -> tuple[tuple[bytes, ...], ...]:
        due = self._clock.monotonic() - self._marked >= _MARK
        return (self._mark(),) if self._named and due and self._given is not None else ()

    def _mark(self) -> tuple[bytes, ...]:
        self._marked = self._clock.monotonic()
        return self._asks.mark(self._given or 0)

    def _failed(self, error: redis.RedisError, seconds: float) -> Steps[None]:
        """Pause, ever longer; but try at once where a new connection may be all that it takes."""
        at_once = self._connected and self._delay == _FIRST_DELAY and mended_by_reconnecting(error)
        self._connected = False
        self.problem = str(error) or type(error).__name__
        yield Drop()
        delay = self._delay * (0.5 + self._chance() / 2)
        self._delay = min(2 * self._delay, _LONGEST_DELAY)
        if at_once:
            return
        yield Pause(max(0.0, min(delay, seconds)))


def _checked_start(start: Start) -> Start:
    if start in ("now", "first"):
        return start
    if isinstance(start, int) and not isinstance(start, bool) and start >= 0:
        return start
    raise InvalidInput(f"start {start!r}: use 'now', 'first' or the seq that was seen last")

"""What one of several readers that share a kernel's stream asks and decides; see ``groups``. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import redis

from ..clock import Clock
from ..topics import check_kernel_name, heartbeat_key, journal_key, journal_of, stream
from ..wire import ObservedEvent
from .client import mended_by_reconnecting
from .cursor import Cursor, place_of, read_entry
from .deliveries import Delivery, Lag, Poison, Stand
from .exchange import Ask, Drop, Pause, Steps, checked
from .gaps import Gap, missed
from .liveness import read_heartbeat
from .origin import another
from .replies import entries, first
from .shapes import mapping
from .wanted import Wanted

__all__ = ["GroupFollowing"]

BLOCK = 0.5
_PAGE = 100
_FIRST_DELAY, _LONGEST_DELAY = 0.05, 1.0


class GroupFollowing:
    """One consumer's state and steps, for one thread."""

    def __init__(
        self,
        kernel: str,
        group: str,
        consumer: str,
        start: Literal["now", "first"] | int,
        wanted: Wanted,
        idle: float,
        attempts: int,
        clock: Clock,
    ) -> None:
        """See ``GroupReader``."""
        self._stream = stream(check_kernel_name(kernel)).encode()
        self._keys = (journal_key(kernel).encode(), heartbeat_key(kernel).encode())
        self._group = group.encode()
        self._consumer = consumer.encode()
        self._start = start
        self._wanted = wanted
        self._idle = idle
        self._attempts = attempts
        self._clock = clock
        self._items: deque[Delivery | Poison | Gap] = deque()
        self._stand = Stand()
        self._arrived: tuple[Sequence[Any], int] | None = None
        self._connected = False
        self._look_at = float("-inf")
        self._delay = _FIRST_DELAY
        self._done: list[int] = []
        self.problem = ""

    @property
    def connected(self) -> bool:
        """As of the last step."""
        return self._connected

    @property
    def has_items(self) -> bool:
        """Whether ``take`` would give something."""
        return bool(self._items)

    def take(self) -> Delivery | Poison | Gap | None:
        """The next item that was fetched, or ``None``: then ``fetch``."""
        return self._items.popleft() if self._items else None

    def open(self) -> Steps[None]:
        """Make the group unless it is there, and get what this consumer left undone before."""
        (journal, beat), top, oldest = yield from self._ask(
            (b"MGET", *self._keys), self._last(), self._range(b"-", b"+")
        )
        self._stand.journal = journal
        yield from self._make(self._beginning(beat, first(top), first(oldest)))
        self._connected = True
        yield from self._unfinished()

    def fetch(self, seconds: float) -> Steps[None]:
        """Get what is new, or what somebody else left undone, for ``take``."""
        try:
            yield from self._settle()
            yield from self._sort_out()
            if self._clock.monotonic() >= self._look_at:
                yield from self._left_undone()
            if not self._items:
                look = self._look_at - self._clock.monotonic()
                yield from self._page(max(0.0, min(BLOCK, seconds, look)))
            self.problem, self._delay, self._connected = "", _FIRST_DELAY, True
        except redis.RedisError as error:
            if str(error).startswith("NOGROUP"):
                yield from self._make_again()
            else:
                yield from self._failed(error, seconds)

    def acknowledge(self, seqs: Iterable[int]) -> Steps[None]:
        """Note that events were dealt with; told to Redis now, or with the next ``fetch``."""
        self._done += self._stand.held.intersection(seqs)  # not those of a journal that has ended
        self._stand.held.difference_update(self._done)
        yield from self._settle()

    def put_aside(self, poison: Poison) -> None:
        """Have it acknowledged with the next ``fetch``."""
        self._done.append(poison.event.seq)
        self._stand.held.discard(poison.event.seq)

    def lag(self) -> Steps[Lag]:
        """How far the group is; counts what waits, up to 10,000 entries."""
        groups, pending = yield from self._ask(
            (b"XINFO", b"GROUPS", self._stream), (b"XPENDING", self._stream, self._group)
        )
        after = self._delivered(groups)
        (waiting,) = yield from self._ask(self._range(b"(%d-%d" % after, b"+", count=10_000))
        by_consumer = {name.decode(): int(count) for name, count in pending[3] or ()}
        oldest = place_of(pending[1])[0] if pending[1] else 0
        return Lag(len(waiting), by_consumer, oldest)

    def _page(self, wait: float) -> Steps[None]:
        block = b"%d" % max(1, round(wait * 1000))
        read = (b"XREADGROUP", b"GROUP", self._group, self._consumer)
        count = (b"COUNT", b"%d" % _PAGE, b"BLOCK", block)
        groups, reply = yield from self._ask(
            (b"XINFO", b"GROUPS", self._stream), (*read, *count, b"STREAMS", self._stream, b">")
        )
        found = entries(reply)
        if found:
            self._arrived = found, self._delivered(groups)[0]
            yield from self._sort_out()

    def _sort_out(self) -> Steps[None]:
        """Make items of what this consumer was handed; begun anew when the connection breaks."""
        if self._arrived is None:
            return
        found = [(entry[0], *read_entry(entry)) for entry in self._arrived[0]]
        before = yield from self._before(found[0][2], self._arrived[1])
        cursor, unwanted = Cursor(before), []
        items: list[Delivery | Poison | Gap] = []
        for identity, place, event in found:
            given = list(cursor.take(place, event))
            items += [item for item in given if isinstance(item, Gap)]
            if event is not None and event in given and self._wanted(event):
                items.append(Delivery(event))
            else:
                unwanted.append(identity)
        if unwanted:
            yield from self._ask((b"XACK", self._stream, self._group, *unwanted))
        self._stand.handed_out = max(self._stand.handed_out, found[-1][1][0])
        self._arrived = None
        for item in items:
            self._hold(item)

    def _before(self, event: ObservedEvent | None, before: int) -> Steps[int]:
        """Where the group stood before this event: other consumers may have moved it meanwhile.

        What they were handed is there; what is not was never handed out.
        """
        gap = missed(before, event.previous) if event else None
        if gap is None:
            return before
        at = b"%d-0" % gap.last
        (there,) = yield from self._ask(self._range(at, at))
        return gap.last if there else before

    def _left_undone(self) -> Steps[None]:
        """Take over what a consumer that is gone, or too slow, was handed."""
        self._look_at = self._clock.monotonic() + self._idle / 4
        idle = b"%d" % round(self._idle * 1000)
        pending = (b"XPENDING", self._stream, self._group)
        summary, late = yield from self._ask(pending, (*pending, b"IDLE", idle, b"-", b"+", b"100"))
        self._stand.oldest = place_of(summary[1])[0] if summary[1] else 0
        if all(place_of(entry[0])[0] in self._stand.held for entry in late):
            return
        claim = (b"XAUTOCLAIM", self._stream, self._group, self._consumer, idle)
        (reply,) = yield from self._ask((*claim, b"0-0", b"COUNT", b"100"))
        yield from self._again(reply[1], late)

    def _unfinished(self) -> Steps[None]:
        """What this consumer was handed before it was started anew."""
        mine = (b"XPENDING", self._stream, self._group, b"-", b"+", b"%d" % _PAGE, self._consumer)
        read = (b"XREADGROUP", b"GROUP", self._group, self._consumer, b"COUNT", b"%d" % _PAGE)
        late, reply = yield from self._ask(mine, (*read, b"STREAMS", self._stream, b"0"))
        yield from self._again(entries(reply), late)

    def _again(self, found: Sequence[Any], late: Sequence[Any]) -> Steps[None]:
        """Hand out again; ``late`` says how often each was before. What was trimmed is a gap."""
        there = {entry[0]: entry for entry in found if entry and entry[1]}
        (mine,) = yield from self._ask(
            (b"XPENDING", self._stream, self._group, b"-", b"+", b"1000", self._consumer)
        )
        owned = {entry[0]: int(entry[3]) for entry in mine}
        for identity in dict.fromkeys((*owned, *(entry[0] for entry in late))):
            seq = place_of(identity)[0]
            if seq in self._stand.held:
                continue
            if identity in there:
                yield from self._hand_again(there[identity], owned.get(identity, 1))
            elif not (yield from self._exists(identity)):
                self._items.append(Gap(seq, seq))
                yield from self._drop_entry(identity)

    def _hand_again(self, entry: Sequence[Any], times: int) -> Steps[None]:
        (seq, part), event = read_entry(entry)
        if event is None or part or event.seq != seq:
            self._items.append(Gap(seq, seq))
            yield from self._drop_entry(entry[0])
        elif times > self._attempts:
            self._hold(Poison(event, times - 1))
        else:
            self._hold(Delivery(event, times))

    def _exists(self, identity: bytes) -> Steps[bool]:
        (there,) = yield from self._ask(self._range(identity, identity))
        return bool(there)

    def _hold(self, item: Delivery | Poison | Gap) -> None:
        if not isinstance(item, Gap):
            self._stand.held.add(item.event.seq)
        self._items.append(item)

    def _drop_entry(self, identity: bytes) -> Steps[None]:
        yield from self._ask((b"XACK", self._stream, self._group, identity))

    def _settle(self) -> Steps[None]:
        if self._done:
            identities = [b"%d-0" % seq for seq in self._done]
            yield from self._ask((b"XACK", self._stream, self._group, *identities))
            self._done.clear()

    def _make(self, after: int) -> Steps[None]:
        at = b"%d-0" % after
        (reply,) = yield Ask(((b"XGROUP", b"CREATE", self._stream, self._group, at, b"MKSTREAM"),))
        if not str(reply).startswith("BUSYGROUP"):
            checked(reply)

    def _make_again(self) -> Steps[None]:
        """Redis lost the group with its stream: go on after what was done, or with a new journal."""
        ((journal, _),) = yield from self._ask((b"MGET", *self._keys))
        begin = self._stand.begin()
        if another(self._stand.journal, journal):
            self._items.append(Gap(1, 0, anew=self._stand.handed_out, journal=journal_of(journal)))
            begin = 0
        self._stand = Stand(journal or self._stand.journal, begin)
        yield from self._make(begin)

    def _beginning(
        self,
        beat: object,
        top: tuple[int, ObservedEvent | None] | None,
        oldest: tuple[int, ObservedEvent | None] | None,
    ) -> int:
        if isinstance(self._start, int):
            return self._start
        if self._start == "first":
            return max(0, oldest[0] - 1) if oldest else 0
        heard = read_heartbeat(beat)
        return max(top[0] if top else 0, heard.seq if heard else 0)

    def _delivered(self, groups: Any) -> tuple[int, int]:
        for group in map(mapping, groups):
            if group[b"name"] == self._group:
                return place_of(group[b"last-delivered-id"])
        raise redis.ResponseError("NOGROUP no such group")

    def _failed(self, error: redis.RedisError, seconds: float) -> Steps[None]:
        at_once = self._connected and mended_by_reconnecting(error)
        self._connected = False
        self.problem = str(error) or type(error).__name__
        yield Drop()
        if not at_once:
            yield Pause(max(0.0, min(self._delay, seconds)))
            self._delay = min(2 * self._delay, _LONGEST_DELAY)

    def _ask(self, *commands: tuple[bytes, ...]) -> Steps[list[Any]]:
        replies = yield Ask(commands)
        return [checked(reply) for reply in replies]

    def _last(self) -> tuple[bytes, ...]:
        return b"XREVRANGE", self._stream, b"+", b"-", b"COUNT", b"1"

    def _range(self, low: bytes, high: bytes, count: int = 1) -> tuple[bytes, ...]:
        return b"XRANGE", self._stream, low, high, b"COUNT", b"%d" % count

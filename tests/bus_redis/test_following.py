"""A reader's decisions against a model of Redis and a kernel: trimmed, emptied, cut off, begun anew."""

from __future__ import annotations

import itertools

import msgspec
import pytest
import redis
from hypothesis import example, given, settings
from hypothesis import strategies as st

from retinue.bus.clock import ManualClock
from retinue.bus.envelope import Envelope, Event
from retinue.bus.redis.exchange import Ask, Drop, Pause
from retinue.bus.redis.following import Following
from retinue.bus.redis.gaps import Gap
from retinue.bus.redis.wanted import Wanted
from retinue.bus.wire import EventEncoder

NAME = "k"


class Model:
    """A server and a kernel that mirrors to it; each call is one script, and so atomic."""

    def __init__(self):
        self.clock = ManualClock()
        self.stream = {}
        self.journal, self.boot, self.seq = 1, 1, 0
        self.keys = [None, None]
        self.named = True
        self.cut = self.times = 0
        self.read_up_to = lambda: 0

    def publish(self, count):
        self._settle()
        for _ in range(count):
            self.seq += 1
            self.stream[self.seq] = self._payload(self.seq)

    def refill_in_part(self, count):
        """A kernel that has begun to fill an emptied stream in, from some way back."""
        self.keys[0] = self._name()
        if not self.stream:
            for seq in range(max(1, self.seq - 7), min(self.seq, self.seq - 7 + count) + 1):
                if seq > 0:
                    self.stream[seq] = self._payload(seq)

    def trim(self, count):
        for seq in sorted(self.stream)[:count]:
            del self.stream[seq]

    def corrupt(self, nth):
        """Spoil an entry that nobody has read yet: entries do not change."""
        if unread := sorted(seq for seq in self.stream if seq > self.read_up_to()):
            self.stream[unread[nth % len(unread)]] = b"\xff"

    def flush(self, _=0):
        self.stream.clear()
        self.keys = [None, None]

    def restart(self, _=0):
        self.boot += 1

    def anew(self, _=0):
        self.journal += 1
        self.boot += 1
        self.seq = 0
        self.clock.advance(10)
        self.stream.clear()

    def break_off(self, asks):
        self.cut = 1 + asks % 3

    def beat(self, _=0):
        self._settle()
        self.times += 1
        said = {"seq": self.seq, "time": self.times, "state": "live", "every": 1.0}
        if self.named:
            said |= {"last": self.seq, "journal": f"{self.journal}", "start": f"{self.boot}"}
        self.keys = [self._name(), msgspec.json.encode(said)]

    def answer(self, action):
        if isinstance(action, Pause):
            self.clock.advance(action.seconds)
        if isinstance(action, (Pause, Drop)):
            return None
        assert isinstance(action, Ask)
        self.cut -= 1
        if self.cut == 0:
            raise redis.ConnectionError("cut off")
        return [self._reply(*command) for command in action.commands]

    def _reply(self, word, *rest):
        if word == b"MGET":
            return list(self.keys)
        if word == b"XREVRANGE":
            return [self._entry(max(self.stream))] if self.stream else []
        if word == b"XRANGE":
            seq = int(rest[1].partition(b"-")[0])
            return [self._entry(seq)] if seq in self.stream else []
        assert word == b"XREAD"
        after = tuple(map(int, rest[-1].split(b"-")))
        found = [self._entry(seq) for seq in sorted(self.stream) if (seq, 0) > after]
        if not found:
            self.clock.advance(int(rest[3]) / 1000)
        return [[rest[-2], found[: int(rest[1])]]] if found else None

    def _entry(self, seq):
        return [b"%d-0" % seq, [b"seq", b"%d" % seq, b"event", self.stream[seq]]]

    def _settle(self):
        """What a kernel does before anything else: its stream gets its newest events back."""
        self.keys[0] = self._name()
        if self.seq and self.seq not in self.stream:
            for seq in range(max(1, self.seq - 7, max(self.stream, default=0) + 1), self.seq + 1):
                self.stream[seq] = self._payload(seq)

    def _payload(self, seq):
        moment = 1e9 + 1000 * self.journal + seq
        event = Event(seq, Envelope(f"{self.journal}-{seq}", "t", moment, b"{}"))
        return EventEncoder(NAME).encode(event, seq - 1)

    def _name(self):
        return b"%d/%d" % (self.journal, self.boot) if self.named else b"/%d" % self.boot


class Reader:
    """A reader of the model, and what it was given, by the journal that it followed."""

    def __init__(self, model, start, journal=""):
        self.model = model
        self.following = Following(
            NAME, start, Wanted(None, None), "", model.clock, journal, lambda: 1.0
        )
        self.run(self.following.open())
        self.items = []
        model.read_up_to = lambda: self.following.cursor or 0

    def run(self, steps):
        try:
            action = next(steps)
            while True:
                try:
                    answer = self.model.answer(action)
                except redis.RedisError as error:
                    action = steps.throw(error)
                else:
                    action = steps.send(answer)
        except StopIteration:
            return

    def read(self, _=0):
        self.run(self.following.fetch(1.0))
        while (item := self.following.take()) is not None:
            self.items.append(item)


OPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("publish", "publish", "read", "read", "beat", "break_off", "trim", "corrupt"),
                *("flush", "refill_in_part", "restart", "anew"),
            ]
        ),
        st.integers(0, 9),
    ),
    max_size=40,
)


# A new journal that is past the cursor when it is looked at, and one after a heartbeat of the old.
OVERTAKEN = [("publish", 5), ("read", 0), ("read", 0), ("anew", 0), ("publish", 7)]
SURVIVED = [("publish", 2), ("read", 0), ("beat", 0), ("anew", 0), *[("read", 0)] * 5]

# What the kernel of the old journal said last is still there when the new one publishes.
OUTLIVED = [*[("publish", 5), ("beat", 0)], *[("read", 0)] * 2, ("anew", 0), ("publish", 2)]
OUTLIVED += [("read", 0)] * 8


@settings(max_examples=500)
@example(ops=OVERTAKEN, named=True)
@example(ops=SURVIVED, named=True)
@example(ops=OUTLIVED, named=True)
@example(ops=OVERTAKEN, named=False)
@example(ops=SURVIVED, named=False)
@given(ops=OPS, named=st.booleans())
def test_whatever_becomes_of_redis_each_event_is_given_once_or_told_of_in_a_gap(ops, named):
    model = Model()
    model.named = named
    reader = Reader(model, 0)
    for op, number in ops:
        getattr(reader if op == "read" else model, op)(number)
    model.cut = 0
    for _ in range(8):
        model.beat()
        reader.read()
    model.publish(1)
    for _ in range(4):
        model.beat()
        reader.read()
    assert reader.following.state == "live"
    assert reader.following.cursor == model.seq
    _check(reader.items, model)


def _check(items, model):
    """Events come in order and once; of the last journal each was given, or is in a gap."""
    ids = [item.id for item in items if not isinstance(item, Gap)]
    order = [tuple(map(int, identity.split("-"))) for identity in ids]
    assert order == sorted(set(order))
    begin = max((n for n, item in enumerate(items) if _older(item, model)), default=-1)
    known = set()
    for item in items[begin + 1 :]:
        known |= {item.seq} if not isinstance(item, Gap) else set(range(item.first, item.last + 1))
    assert known >= set(range(1, model.seq + 1))
    for before, after in itertools.pairwise(item for item in items if not _is_told(item)):
        between = items[items.index(before) : items.index(after)]
        assert (_journal(before) == _journal(after)) or any(map(_is_anew, between))


def _journal(event):
    return event.id.partition("-")[0]


def _is_told(item):
    return isinstance(item, Gap)


def _is_anew(item):
    return isinstance(item, Gap) and item.anew is not None


def _older(item, model):
    return not isinstance(item, Gap) and int(item.id.partition("-")[0]) < model.journal


def test_a_cursor_that_was_kept_with_its_journal_is_told_at_once_that_this_is_another():
    model = Model()
    model.publish(9)
    model.beat()
    reader = Reader(model, 5, "0")
    reader.read()
    assert reader.items[0] == Gap(1, 0, anew=5)
    assert (reader.items[0].journal, len(reader.items[0])) == ("1", 0)
    assert [item.seq for item in reader.items[1:]] == list(range(1, 10))
    same = Reader(model, 5, "1")
    same.read()
    same.read()
    assert [item.seq for item in same.items] == [6, 7, 8, 9]


def test_a_bare_cursor_beyond_the_journals_end_is_told_after_a_few_heartbeats_and_not_before():
    model = Model()
    model.publish(3)
    model.beat()
    reader = Reader(model, 8)
    for _ in range(5):
        reader.read()  # the same heartbeat, again and again: it may be older than the cursor
    model.beat()
    reader.read()
    assert reader.items == []
    model.beat()
    reader.read()
    reader.read()
    assert reader.items[0] == Gap(1, 0, anew=8)
    assert [item.seq for item in reader.items[1:]] == [1, 2, 3]


def test_a_cursor_that_is_about_to_be_published_is_no_other_journals():
    model = Model()
    model.publish(3)
    model.beat()
    reader = Reader(model, 4)
    reader.read()
    model.beat()
    reader.read()
    model.publish(2)
    for _ in range(5):
        model.beat()
        reader.read()
    assert [item.seq for item in reader.items] == [5]


def test_a_journal_that_was_put_back_from_a_copy_is_told_though_it_has_the_same_name():
    model = Model()
    model.publish(9)
    model.beat()
    reader = Reader(model, 0)
    reader.read()
    model.anew()
    model.journal -= 1  # the same name, and other events, up to an earlier place
    model.publish(4)
    for _ in range(6):
        model.beat()
        reader.read()
    assert reader.items[9] == Gap(1, 0, anew=9)
    assert [item.seq for item in reader.items[10:]] == [1, 2, 3, 4]


def test_a_kernel_that_was_started_again_goes_on_though_the_stream_has_not_the_cursor_any_more():
    model = Model()
    model.publish(9)
    model.beat()
    reader = Reader(model, 0)
    reader.read()
    model.restart()
    model.publish(3)
    model.trim(11)
    for _ in range(3):
        model.beat()
        reader.read()
    assert reader.items[9] == Gap(10, 11)
    assert reader.items[10].seq == 12


@pytest.mark.parametrize("start", ["now", "first", 0])
def test_a_reader_is_behind_until_it_has_read_what_it_was_told_is_there(start):
    model = Model()
    model.publish(300)
    model.beat()
    reader = Reader(model, start)
    assert reader.following.state == "behind"
    reader.read()
    model.beat()
    if start != "now":
        assert reader.following.state == "behind"
        reader.read()
    reader.read()
    assert reader.following.state == "live"
    model.clock.advance(3.1)
    assert reader.following.state == "silent"


def test_a_reader_of_now_begins_behind_what_was_published_even_if_the_stream_lost_it():
    model = Model()
    model.publish(20)
    model.beat()
    model.stream.clear()
    reader = Reader(model, "now")
    model.refill_in_part(8)
    model.publish(1)
    reader.read()
    assert [item.seq for item in reader.items] == [21]


def test_events_that_are_published_and_nowhere_are_a_gap_after_a_while_and_not_before():
    model = Model()
    model.publish(5)
    model.beat()
    reader = Reader(model, 0)
    reader.read()
    model.publish(3)
    model.beat()
    model.stream.clear()
    since, gaps = model.clock.monotonic(), []
    while not gaps:
        reader.read()
        gaps = [item for item in reader.items if isinstance(item, Gap)]
    assert gaps == [Gap(6, 8)]
    assert 2 <= model.clock.monotonic() - since <= 4


def test_what_redis_numbered_itself_does_not_hide_what_comes_after_the_stream_was_made_anew():
    model = Model()
    model.publish(3)
    reader = Reader(model, 0)
    model.stream[1_763_620_000_000] = b"who wrote this?"
    reader.read()
    del model.stream[1_763_620_000_000]
    model.publish(1)
    for _ in range(2):
        reader.read()
    assert [item.seq for item in reader.items] == [1, 2, 3, 4]
    assert reader.following.skipped == 1


def test_a_reader_tries_again_ever_more_slowly_and_at_once_when_a_connection_is_lost():
    model = Model()
    model.publish(1)
    reader = Reader(model, 0)
    reader.read()
    model.answer, pauses = _refusing, []
    for _ in range(8):
        steps = reader.following.fetch(100.0)
        pauses.append(_pause(steps))
    assert pauses == [None, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    assert reader.following.state == "disconnected"
    assert reader.following.problem == "gone"


def _refusing(action):
    raise redis.ConnectionError("gone")


def _pause(steps):
    """What a step that meets a refusal waits for."""
    action = next(steps)
    try:
        while not isinstance(action, Pause):
            action = (
                steps.throw(redis.ConnectionError("gone"))
                if isinstance(action, Ask)
                else steps.send(None)
            )
    except StopIteration:
        return None
    steps.close()
    return action.seconds

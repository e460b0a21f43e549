"""The outbox is bounded, gives up the oldest, and its counts add up to the unit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.bus.coalescing import Coalesced, Coalescer
from retinue.bus.envelope import Envelope, Event
from retinue.bus.journal import MemoryStore
from retinue.bus.redis.backlog import Backlog
from retinue.bus.redis.gaps import missed
from retinue.bus.redis.outbox import Outbox
from retinue.bus.topics import Selection

BODY = b'{"delta":"x"}'
SIZE = 256 + len(BODY)
"""What one of this module's events takes."""


def test_events_leave_in_order_and_are_counted():
    outbox = Outbox()
    outbox.offer(_events(1, 3))
    outbox.offer(_events(4, 2))
    batch = outbox.take()
    assert [e.seq for e in batch.events] == [1, 2, 3, 4, 5]
    assert outbox.counts().pending == 5
    assert outbox.done() == 5
    counts = outbox.counts()
    assert (counts.published, counts.pending, counts.dropped, counts.size) == (5, 0, 0, 0)


def test_a_batch_that_did_not_arrive_is_taken_again_as_it_was():
    outbox = Outbox()
    outbox.offer(_events(1, 3))
    batch = outbox.take()
    outbox.offer(_events(4, 3))
    assert outbox.take() is batch


def test_a_batch_is_bounded_in_events_and_in_bytes():
    outbox = Outbox()
    outbox.offer(_events(1, 100))
    assert len(outbox.take(max_events=7).events) == 7
    outbox.done()
    assert len(outbox.take(max_bytes=5 * SIZE).events) == 5


def test_over_its_bound_it_drops_the_oldest_and_counts_each():
    outbox = Outbox(max_bytes=10 * SIZE)
    outbox.offer(_events(1, 8))
    outbox.offer(_events(9, 7))
    assert outbox.counts().dropped == 5
    assert [e.seq for e in outbox.take().events] == list(range(6, 16))


def test_what_is_on_its_way_is_not_dropped_but_counts_towards_the_bound():
    outbox = Outbox(max_bytes=10 * SIZE)
    outbox.offer(_events(1, 6))
    outbox.take()
    outbox.offer(_events(7, 6))
    assert outbox.counts().dropped == 2
    assert [e.seq for e in outbox.take().events] == [1, 2, 3, 4, 5, 6]
    outbox.done()
    assert [e.seq for e in outbox.take().events] == [9, 10, 11, 12]


def test_an_event_larger_than_the_bound_is_dropped_and_counted():
    outbox = Outbox(max_bytes=100)
    outbox.offer(_events(1, 1))
    assert outbox.take() is None
    assert outbox.counts().dropped == 1


def test_the_selection_decides_what_leaves_and_what_a_drop_counts():
    outbox = Outbox(Selection(include=["tool.*"]), max_bytes=10 * SIZE)
    outbox.offer(_events(1, 20, types=("tool.called", "agent.text")))
    assert outbox.counts().dropped == 5
    batch = outbox.take()
    assert [e.seq for e in batch.events] == [11, 13, 15, 17, 19]
    assert batch.last == 20


def test_each_batch_says_which_event_was_mirrored_before_it_even_when_that_was_dropped():
    outbox = Outbox(Selection(include=["tool.*"]))
    outbox.offer(_events(5, 4, types=("agent.text", "tool.called")))
    assert outbox.take().previous == 4
    outbox.done()
    outbox.offer(_events(9, 1, types=("agent.text",)))
    outbox.offer(_events(10, 1, types=("tool.called",)))
    assert outbox.take().previous == 8


def test_a_dropped_event_is_the_previous_of_the_next_batch():
    outbox = Outbox(max_bytes=2 * SIZE)
    outbox.offer(_events(1, 5))
    assert outbox.take().previous == 3


def test_what_was_dropped_is_told_apart_from_what_the_selection_leaves_out():
    outbox = Outbox(Selection(include=["tool.*"]), max_bytes=4 * SIZE)
    outbox.offer(_events(1, 2, types=("tool.called", "agent.text")))
    outbox.take()
    outbox.done()
    outbox.offer(_events(3, 8, types=("tool.called", "agent.text")))
    batch = outbox.take()
    assert [e.seq for e in batch.events] == [7, 9]
    assert batch.previous == 5  # and not 1: a reader at 1 has missed the dropped 3 and 5


def test_a_batch_may_hold_only_what_the_selection_leaves_out():
    outbox = Outbox(Selection(include=["tool.*"]))
    outbox.offer(_events(1, 4, types=("agent.text",)))
    batch = outbox.take()
    assert (batch.events, batch.last) == ([], 4)


def test_only_the_first_offer_after_a_rest_asks_to_wake_the_reader():
    outbox = Outbox()
    assert not outbox.offer(_events(1, 1))
    assert not outbox.rest()
    outbox.take()
    outbox.done()
    assert outbox.rest()
    assert [outbox.offer(_events(n, 1)) for n in (2, 3)] == [True, False]


def test_its_repr_tells_its_counts():
    outbox = Outbox()
    outbox.offer(_events(1, 2))
    assert repr(outbox) == f"<Outbox pending=2 bytes={2 * SIZE} dropped=0>"


@pytest.fixture
def journal():
    """``journal(count)`` commits events and gives them; ``journal.backlog`` reads them."""
    return Journal()


def test_with_a_journal_what_is_over_the_bound_is_forgotten_and_read_back_in_order(journal):
    outbox = Outbox(max_bytes=10 * SIZE, backlog=journal.backlog)
    outbox.offer(journal(100))
    assert outbox.behind
    counts = outbox.counts()
    assert (counts.pending, counts.dropped, counts.size) == (100, 0, 10 * SIZE)
    assert _drained(outbox) == list(range(1, 101))
    counts = outbox.counts()
    assert (counts.published, counts.dropped, counts.pending, counts.size) == (100, 0, 0, 0)
    assert 90 <= counts.refilled < 100
    assert not outbox.behind


def test_while_it_is_read_back_more_may_be_forgotten(journal):
    outbox = Outbox(max_bytes=10 * SIZE, backlog=journal.backlog)
    seen = []
    outbox.offer(journal(50))
    for _ in range(5):
        seen += [e.seq for e in outbox.take(max_events=5).events]
        outbox.offer(journal(20))
        outbox.done()
        assert outbox.counts().size <= 10 * SIZE
    seen += _drained(outbox)
    assert seen == list(range(1, 151))


def test_what_the_journal_no_longer_has_is_dropped_to_the_unit_and_shows_as_a_gap():
    journal = Journal(max_events=80)
    outbox = Outbox(Selection(["tool.*"]), max_bytes=10 * SIZE, backlog=journal.backlog)
    for _ in range(20):
        outbox.offer(journal(10))
    first = journal.store.first
    batch = outbox.take(max_events=7)
    assert (batch.previous, batch.events[0].seq) == (first - 1, first + first % 2)
    outbox.done()
    seen = [e.seq for e in batch.events] + _drained(outbox)
    assert seen == [seq for seq in range(first, 201) if seq % 2 == 0]
    assert outbox.counts().dropped == 100 - len(seen)


def test_when_the_journal_has_nothing_of_it_the_gap_ends_with_the_newest_that_was_selected():
    journal = Journal(max_events=2)
    outbox = Outbox(Selection(["tool.*"]), max_bytes=3 * SIZE, backlog=journal.backlog)
    outbox.offer(journal(9))
    outbox.offer(journal(12))
    outbox.take()
    outbox.done()
    batch = outbox.take()
    assert batch.previous == 18
    assert [e.seq for e in batch.events] == [20]
    assert outbox.counts().dropped == 9


def test_text_is_held_until_its_time_and_counts_as_pending(journal):
    outbox = Outbox(coalescer=Coalescer(["every=1"]), backlog=journal.backlog)
    outbox.offer(journal(5, types=("agent.text",)))
    batch = outbox.take(now=10.0)
    assert (list(batch.events), batch.last) == ([], 0)
    outbox.done()
    assert outbox.rest()
    assert outbox.wait(10.0) == 1.0
    assert outbox.counts().pending == 5
    assert outbox.take(now=10.5) is None
    batch = outbox.take(now=11.0)
    assert [(e.seq, e.count) for e in batch.events] == [(5, 5)]
    assert (batch.previous, batch.last, batch.chosen) == (0, 5, 5)
    outbox.done()
    counts = outbox.counts()
    assert (counts.published, counts.pending, counts.size) == (5, 0, 0)


def test_text_from_before_a_gap_is_not_joined_with_text_from_after_it():
    outbox = Outbox(max_bytes=10 * SIZE, coalescer=Coalescer(["every=1"]))
    events = _events(1, 40, types=("agent.text",))
    outbox.offer(events[:4])
    outbox.take(now=0.0)
    outbox.done()
    outbox.offer(events[4:])
    before = outbox.take(now=0.0)
    assert [(e.seq, e.count) for e in before.events] == [(4, 4)]
    assert before.previous == 0
    outbox.done()
    outbox.take(now=5.0)
    outbox.done()
    after = outbox.take(now=6.0)
    assert [(e.seq, e.count) for e in after.events] == [(40, 6)]
    assert after.previous == 34


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), st.integers(1, 12)),
        st.tuples(st.just("take"), st.integers(1, 9)),
        st.tuples(st.just("done"), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 80)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(
    _STEPS,
    st.sampled_from([("*",), ("tool.*",), ("agent.text", "task.*")]),
    st.sampled_from([(), ("type=agent.text every=0.05",)]),
    st.sampled_from([(), ("type=task.* rate=0.5",)]),
    st.sampled_from([0, 20, 60, 10_000]),
)
def test_whatever_happens_all_is_accounted_for_and_readers_know_what_they_miss(
    steps, include, coalesce, sample, kept
):
    journal = Journal(max_events=kept or 10_000)
    selection = Selection(include, sample=sample)
    outbox = Outbox(
        selection,
        max_bytes=15 * SIZE,
        backlog=journal.backlog if kept else None,
        coalescer=Coalescer(coalesce),
    )
    reader, offered, now = Reader(), [], 0.0
    for step, number in steps:
        if step == "offer":
            events = journal(number, types=("tool.called", "agent.text", "agent.text", "task.x"))
            offered += events
            outbox.offer(events)
        elif step == "take":
            outbox.take(number, now=now)
        elif step == "wait":
            now += number / 1000
        elif (batch := outbox.take(now=now)) is not None:
            reader.see(batch)
            outbox.done()
        counts = outbox.counts()
        assert counts.size <= 15 * SIZE
        assert counts.published + counts.dropped + counts.left_out + counts.pending == len(offered)
    while not outbox.rest() or outbox.wait(now) is not None:
        now += 1.0
        if (batch := outbox.take(now=now)) is not None:
            reader.see(batch)
            outbox.done()
    counts = outbox.counts()
    assert (counts.pending, counts.size) == (0, 0)
    chosen = {e.seq for e in offered if selection.matches(e.envelope)}
    assert counts.published + counts.dropped == len(chosen)
    assert counts.published == reader.count
    assert reader.seen == sorted(set(reader.seen))
    assert set(reader.seen) <= chosen
    assert len(reader.missing & chosen) == counts.dropped
    assert not reader.missing & set(reader.seen)
    assert counts.dropped or not reader.missing


class Reader:
    """Follows batches as a subscriber does, from before the first event."""

    def __init__(self):
        self.cursor, self.seen, self.missing, self.count = 0, [], set(), 0

    def see(self, batch):
        previous = batch.previous
        for event in batch.events:
            if gap := missed(self.cursor, previous):
                self.missing |= set(range(gap.first, gap.last + 1))
            self.cursor = previous = event.seq
            self.seen.append(event.seq)
            self.count += event.count if isinstance(event, Coalesced) else 1


class Journal:
    def __init__(self, max_events=10_000):
        self.store = MemoryStore(max_events)
        self.backlog = Backlog(self.store)

    def __call__(self, count, types=("agent.text", "tool.called")):
        first = self.store.last + 1
        return self.store.append([e.envelope for e in _events(first, count, types)])


def _drained(outbox):
    seen = []
    while not outbox.rest():
        if (batch := outbox.take(max_events=7)) is not None:
            seen += [e.seq for e in batch.events]
            outbox.done()
    return seen


def _events(first, count, types=("tool.called",)):
    return [
        Event(first + n, Envelope(f"e-{first + n}", types[(first + n - 1) % len(types)], 0.0, BODY))
        for n in range(count)
    ]

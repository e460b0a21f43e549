"""The outbox is bounded, gives up the oldest, and its counts add up to the unit."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.bus.envelope import Envelope, Event
from retinue.bus.redis.outbox import Outbox
from retinue.bus.topics import Selection

SIZE = 256 + 10
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


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("offer"), st.integers(1, 12)),
            st.tuples(st.just("take"), st.integers(1, 9)),
            st.tuples(st.just("done"), st.just(0)),
        ),
        max_size=60,
    ),
    st.sampled_from([("*",), ("tool.*",)]),
)
def test_whatever_happens_offered_is_published_dropped_or_pending(steps, include):
    selection = Selection(include=include)
    outbox = Outbox(selection, max_bytes=15 * SIZE)
    seq, offered, seen = 1, 0, []
    for step, number in steps:
        if step == "offer":
            events = _events(seq, number, types=("tool.called", "agent.text", "task.queued"))
            offered += sum(selection.matches(e.envelope) for e in events)
            outbox.offer(events)
            seq += number
        elif step == "take":
            outbox.take(number)
        elif (batch := outbox.take()) is not None:
            seen += [e.seq for e in batch.events]
            outbox.done()
        assert outbox.counts().size <= 15 * SIZE
    while (batch := outbox.take()) is not None:
        seen += [e.seq for e in batch.events]
        outbox.done()
    counts = outbox.counts()
    assert (counts.pending, counts.size) == (0, 0)
    assert counts.published == len(seen)
    assert counts.published + counts.dropped == offered
    assert seen == sorted(set(seen))


def _events(first, count, types=("tool.called",)):
    return [
        Event(first + n, Envelope(f"e-{first + n}", types[n % len(types)], 0.0, b'"12345678"'))
        for n in range(count)
    ]

"""The in-memory store: the conformance suite, a model of it, and its own bounds."""

from __future__ import annotations

import gc
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.bus.envelope import Event
from retinue.bus.journal import Filter, MemoryStore, memory
from retinue.bus.journal.testing import (
    BoundedStoreConformance,
    EventStoreConformance,
    envelope,
    envelopes,
)


class TestMemoryStore(EventStoreConformance, BoundedStoreConformance):
    def open_store(self):
        return MemoryStore()

    def open_bounded(self, max_events):
        return MemoryStore(max_events=max_events)


names = st.sampled_from(["", "a", "b"])
said = st.builds(
    lambda run, task, kind: envelope(1, run=run, task=task, type=kind),
    names,
    names,
    st.sampled_from(["tool.called", "tool.returned", "run.failed"]),
)
filters = st.builds(
    Filter,
    run=names,
    task=names,
    types=st.sampled_from([(), ("tool.*",), ("run.*", "tool.called")]),
)


@given(
    groups=st.lists(st.lists(said, max_size=5), max_size=12),
    only=st.none() | filters,
    after=st.integers(0, 30),
    limit=st.none() | st.integers(0, 10),
    bound=st.integers(1, 20),
)
def test_reading_equals_filtering_the_whole_history(groups, only, after, limit, bound):
    store = MemoryStore(max_events=bound)
    history = []
    for group in groups:
        history += store.append(group)
    kept = [event for event in history if event.seq >= store.first]
    wanted = [e for e in kept if e.seq > after and (only is None or only.matches(e.envelope))]
    assert list(store.read(after, only, limit)) == wanted[:limit]
    assert len(kept) <= bound
    assert store.last == len(history)


def test_bodies_over_the_bound_of_bytes_push_the_oldest_events_out():
    store = MemoryStore(max_bytes=1_000)
    for number in range(1, 101):
        store.append([envelope(number, body=b"x" * 100)])
        assert sum(len(event.envelope.body) for event in store.read()) <= 1_000
    assert store.last - store.first + 1 >= 7


def test_one_body_larger_than_the_bound_is_kept_until_the_next():
    store = MemoryStore(max_bytes=10)
    store.append([envelope(1, body=b"x" * 100)])
    assert (store.first, store.last) == (1, 1)
    store.append([envelope(2, body=b"x")])
    assert (store.first, store.last) == (2, 2)


@pytest.mark.parametrize("max_events", [10, 1_000])
def test_what_falls_out_is_let_go_of(max_events):
    store = MemoryStore(max_events=max_events)
    body = bytes(100)
    before = sys.getrefcount(body)
    store.append([envelope(1, body=body)])
    assert sys.getrefcount(body) == before + 1
    for number in range(2, max_events + 2):
        store.append([envelope(number)])
    assert store.first > 1
    assert sys.getrefcount(body) == before


def test_the_garbage_collector_passes_over_what_is_kept():
    store = MemoryStore()
    gc.collect()
    before = tracked_of_ours()
    for start in range(1, 10_001, 10):
        store.append(envelopes(10, start))
    gc.collect()
    seen = [thing for thing in gc.get_objects() if isinstance(thing, tuple | list | dict)]
    assert max(sum(isinstance(part, Event) for part in list(thing)[:1_000]) for thing in seen) < 600
    assert tracked_of_ours() - before < 100


def tracked_of_ours():
    """Other threads of the process make what they like meanwhile."""
    return sum(str(type(thing).__module__).startswith("retinue") for thing in gc.get_objects())


def test_what_was_recorded_stays_readable_after_close():
    store = MemoryStore()
    store.append(envelopes(2))
    store.close()
    assert [event.seq for event in store.read()] == [1, 2]


@pytest.mark.parametrize("max_events", [1_000, 10])
def test_at_each_line_of_an_append_a_reader_sees_whole_groups_and_no_gap(max_events):
    store = MemoryStore(max_events=max_events)
    views = []

    def look(frame, event, arg):
        if frame.f_code.co_filename == memory.__file__:
            views.append(view(store))
        return look

    store.append(envelopes(7))
    sys.settrace(look)
    try:
        store.append(envelopes(7, start=8))
    finally:
        sys.settrace(None)
    assert {last for last, *_ in views} == {7, 14}
    for last, first, seen, of_run in views:
        assert seen == list(range(first, last + 1))
        assert set(of_run) >= {seq for seq in seen if seq % 3 == 1}
        assert all(seq <= last for seq in of_run)


def view(store):
    of_run = [event.seq for event in store.read(only=Filter(run="r-1"))]
    return store.last, store.first, [event.seq for event in store.read()], of_run


@pytest.mark.parametrize("bounds", [{"max_events": 0}, {"max_bytes": 0}])
def test_a_bound_of_nothing_is_refused(bounds):
    with pytest.raises(ValueError, match="at least 1"):
        MemoryStore(**bounds)

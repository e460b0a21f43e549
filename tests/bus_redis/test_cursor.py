"""The arithmetic of a reader's place: each event once, or in a gap, whatever the stream holds."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from retinue.bus.envelope import Envelope, Event
from retinue.bus.redis.cursor import Cursor, place_of, read_entry, read_event, renumbered
from retinue.bus.redis.gaps import Gap
from retinue.bus.wire import EventEncoder, ObservedEvent

KEPT, TRIMMED, CORRUPT, LEFT_OUT = "kept", "trimmed", "corrupt", "left out"
FATES = st.lists(st.sampled_from([KEPT, TRIMMED, CORRUPT, LEFT_OUT]), min_size=1, max_size=40)


@given(FATES, st.integers(0, 40), st.data())
def test_every_mirrored_event_is_given_once_or_is_in_one_gap(fates, start, data):
    mirrored = [seq for seq, fate in enumerate(fates, 1) if fate != LEFT_OUT]
    cursor, items = Cursor(start), []
    for place, event in _stream(fates):
        if data.draw(st.booleans()):  # the same entry again, as after a lost connection
            items += cursor.take(place, event)
        items += cursor.take(place, event)
    if gap := cursor.overdue(mirrored[-1] if mirrored else 0):
        items.append(gap)
    _check(items, [seq for seq in mirrored if seq > start], fates)


@given(FATES)
def test_a_reader_from_the_first_is_told_of_all_that_is_missing_behind_it(fates):
    items = [item for place, event in _stream(fates) for item in _take(place, event)]
    assert all(isinstance(item, (Gap, ObservedEvent)) for item in items)

    cursor, items = Cursor(), []
    for place, event in _stream(fates):
        items += cursor.take(place, event)
    if items:
        begin = _range(items[0])[0] - 1
        mirrored = [s for s, fate in enumerate(fates, 1) if fate != LEFT_OUT and s > begin]
        if gap := cursor.overdue(mirrored[-1]):
            items.append(gap)
        _check(items, mirrored, fates)


def test_a_corrupt_entry_is_a_gap_that_names_it():
    cursor = Cursor(4)
    assert list(cursor.take((5, 0), None)) == [Gap(5, 5)]
    assert list(cursor.take((6, 0), _event(6, 5))) == [_event(6, 5)]
    assert cursor.skipped == 1


def test_a_corrupt_entry_after_events_that_were_left_out_is_told_exactly():
    cursor = Cursor(4)
    assert list(cursor.take((9, 0), None)) == []
    assert list(cursor.take((10, 0), _event(10, 9))) == [Gap(5, 9), _event(10, 9)]


def test_a_forged_entry_between_two_events_of_the_kernels_is_no_gap():
    cursor = Cursor(4)
    assert list(cursor.take((7, 0), None)) == []
    assert list(cursor.take((9, 0), _event(9, 4))) == [_event(9, 4)]


@pytest.mark.parametrize(
    ("place", "event"),
    [
        ((1_763_620_000_000, 0), None),
        ((5, 1), None),
        ((5, 1), 5),
        ((6, 0), 5),
        ((1_763_620_000_000, 0), 5),
    ],
)
def test_an_entry_that_the_kernel_cannot_have_written_moves_nothing_but_the_place(place, event):
    cursor = Cursor(4)
    assert list(cursor.take(place, event and _event(event, event - 1))) == []
    assert (cursor.seq, cursor.place, cursor.skipped) == (4, place, 1)


def test_an_event_that_claims_to_follow_on_itself_is_corrupt():
    cursor = Cursor(4)
    assert list(cursor.take((5, 0), _event(5, 1_000_000))) == [Gap(5, 5)]


def test_the_end_of_a_stream_that_lost_events_is_overdue():
    assert Cursor(4).overdue(9) == Gap(5, 9)
    assert Cursor(4).overdue(4) is None
    assert Cursor(4).overdue(None) is None
    assert Cursor().overdue(9) is None
    far = Cursor(4)
    assert list(far.take((7, 0), None)) == []
    assert far.overdue(None) == Gap(5, 7)
    assert far.overdue(5) == Gap(5, 5)


def test_a_channel_is_unbroken_or_says_what_may_be_missing():
    cursor = Cursor(4)
    assert list(cursor.hear(_event(9, 8), unbroken=True)) == [_event(9, 8)]
    assert list(cursor.hear(_event(9, 8), unbroken=True)) == []
    assert list(cursor.hear(_event(15, 14), unbroken=False)) == [Gap(10, 14), _event(15, 14)]


@given(st.binary())
@example(b'{"specversion":"1.0"}')
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"\x93" * 100_000)
def test_bytes_that_are_no_event_are_none(data):
    assert read_event(data) is None


_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.binary(), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["specversion", "id", "source", "type", "time", "sequence", "previous", "data", "run"]
        ),
        st.sampled_from(["1.0", "5", "-5", "2001-09-09T01:46:40.123Z", "0001-01-01T00:00:00"])
        | _VALUE,
    )
)
def test_a_map_that_is_almost_an_event_raises_nothing(fields):
    read_event(msgspec.msgpack.encode(fields))


@given(st.lists(st.binary(max_size=6), max_size=6))
def test_fields_of_any_kind_raise_nothing(fields):
    assert read_entry((b"5-0", fields)) == ((5, 0), None)


@pytest.mark.parametrize("form", ["json", "msgpack"])
def test_both_forms_are_read_with_further_fields_in_any_order(form):
    event = Event(5, Envelope("e-5", "tool.called", 1e9, b'{"a":1}'))
    payload = EventEncoder("k", form).encode(event, 4)
    for fields in (
        [b"seq", b"5", b"event", payload],
        [b"event", payload],
        [b"new", b"!", b"event", payload, b"form", form.encode()],
        {b"event": payload},
    ):
        place, read = read_entry((b"5-0", fields))
        assert (place, read.seq, read.data) == ((5, 0), 5, {"a": 1})


def test_an_id_without_a_second_part_is_the_first_of_its_number():
    assert place_of(b"17") == place_of(b"17-0") == (17, 0)


@pytest.mark.parametrize(
    ("at", "top", "anew"),
    [
        ("e-10", ("e-12", 12, 60.0), False),
        ("other", ("x", 12, 60.0), True),
        (None, None, None),
        (None, ("e-12", 12, 60.0), True),  # trimmed past the cursor: nobody can tell
        (None, ("x-3", 3, 60.0), True),  # begun anew
        (None, ("e-3", 3, 40.0), False),  # filled in from below
    ],
)
def test_whether_a_journal_counts_anew(at, top, anew):
    last = _event(10, 9, "e-10", 50.0)
    found = _event(10, 9, at, 50.0) if at else None
    newest = _event(top[1], top[1] - 1, top[0], top[2]) if top else None
    assert renumbered(10, last, found, newest) is anew


def test_a_stream_below_a_cursor_of_which_nothing_is_known_counts_anew():
    assert renumbered(10, None, None, _event(3, 2)) is True


def test_a_message_that_is_later_and_has_a_lower_number_is_of_another_journal():
    cursor = Cursor()
    list(cursor.hear(_event(9, 8, "old", 50.0), unbroken=True))
    again = [_event(9, 8, "old", 50.0), _event(8, 7, "older", 49.0), _event(7, 6, "x", 50.5)]
    assert [list(cursor.hear(event, unbroken=True)) for event in again] == [[], [], []]
    new = _event(5, 4, "new", 52.0)
    assert list(cursor.hear(new, unbroken=True)) == [Gap(1, 0, anew=9), Gap(1, 4), new]


def _stream(fates):
    """What is in the stream: entries, corrupt ones without an event."""
    previous = 0
    for seq, fate in enumerate(fates, 1):
        if fate == LEFT_OUT:
            continue
        if fate == KEPT:
            yield (seq, 0), _event(seq, previous)
        elif fate == CORRUPT:
            yield (seq, 0), None
        previous = seq


def _take(place, event):
    return Cursor().take(place, event)


def _check(items, expected, fates):
    ranges = [_range(item) for item in items]
    assert all(first <= last for first, last in ranges)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(ranges))
    given_once = [item.seq for item in items if isinstance(item, ObservedEvent)]
    assert given_once == [seq for seq in expected if fates[seq - 1] == KEPT]
    told = {n for item in items if isinstance(item, Gap) for n in range(item.first, item.last + 1)}
    assert {seq for seq in expected if fates[seq - 1] != KEPT} <= told


def _range(item):
    return (item.first, item.last) if isinstance(item, Gap) else (item.seq, item.seq)


def _event(seq, previous, id="e", time=1e9):
    return ObservedEvent(seq, id, "tool.called", time, "retinue:k", previous=previous)

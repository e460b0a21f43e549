"""Pages of a journal, and a run as bars."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.bus.errors import InvalidInput
from retinue.bus.journal import Filter
from retinue.bus.messages import (
    AgentThought,
    AttemptFailed,
    RunSucceeded,
    TaskQueued,
    TaskSucceeded,
)
from retinue.kernel.asking.history import history_of
from retinue.kernel.asking.log import Wanted, page
from retinue.kernel.asking.timeline import timeline
from retinue.kernel.asking.times import moment

from .conftest import START, Book


def seqs(found):
    return [event.seq for event in found.events]


@pytest.fixture
def ten():
    book = Book()
    for n in range(10):
        book.write(AgentThought(str(n)), agent="odd" if n % 2 else "even")
    return book.store


def test_the_newest_page_is_shown_unless_told_otherwise(ten):
    found = page(ten, Wanted(limit=3))
    assert (seqs(found), found.older, found.newer) == ([8, 9, 10], 8, None)


def test_pages_go_backward_to_the_beginning(ten):
    assert seqs(page(ten, Wanted(before=8, limit=3))) == [5, 6, 7]
    last = page(ten, Wanted(before=2, limit=3))
    assert (seqs(last), last.older) == ([1], None)


def test_pages_go_forward_to_the_end(ten):
    found = page(ten, Wanted(after=0, limit=4))
    assert (seqs(found), found.newer) == ([1, 2, 3, 4], 4)
    assert page(ten, Wanted(after=6, limit=4)).newer is None
    assert seqs(page(ten, Wanted(after=2, before=5))) == [3, 4]


def test_filters_count_before_the_limit_does(ten):
    found = page(ten, Wanted(Filter(agent="odd"), limit=2))
    assert (seqs(found), found.older) == ([8, 10], 8)


def test_times_bound_a_page_on_both_sides(ten):
    wanted = Wanted(since=START + 3, until=START + 5)
    assert seqs(page(ten, wanted)) == [3, 4, 5]
    assert seqs(page(ten, Wanted(until=START + 2.5))) == [1, 2]


def test_what_was_trimmed_away_is_told_with_its_range():
    book = Book(max_events=8)
    for n in range(20):
        book.write(AgentThought(str(n)))
    first = book.store.first
    found = page(book.store, Wanted(after=2, limit=1))
    assert (found.missing, seqs(found)) == ((3, first - 1), [first])
    assert page(book.store, Wanted()).missing == (1, first - 1)
    assert page(book.store, Wanted(limit=3)).missing is None


@given(
    length=st.integers(0, 60),
    limit=st.integers(1, 9),
    agent=st.sampled_from(["", "odd", "never"]),
)
def test_pages_in_both_directions_give_each_event_once_and_in_order(length, limit, agent):
    book = Book()
    for n in range(length):
        book.write(AgentThought(str(n)), agent="odd" if n % 2 else "even")
    only = Filter(agent=agent)
    wanted = [event.seq for event in book.store.read(0, only)]
    forward, after = [], 0
    while after is not None:
        found = page(book.store, Wanted(only, after=after, limit=limit))
        forward += seqs(found)
        after = found.newer
    backward, before = [], None
    while True:
        found = page(book.store, Wanted(only, before=before, limit=limit))
        backward = seqs(found) + backward
        before = found.older
        if before is None:
            break
    assert forward == backward == wanted


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", START - 90),
        ("10m", START - 600),
        ("1.5 h", START - 5400),
        ("2d", START - 172_800),
        ("1000000000", START),
        ("1000000000.5", START + 0.5),
        ("2001-09-09T01:46:40+00:00", START),
    ],
)
def test_moments_are_read_as_people_write_them(text, seconds):
    assert moment(text, START) == seconds


@pytest.mark.parametrize("text", ["yesterday", "", "10 parsecs", "-5m", "2025-13-01"])
def test_what_is_no_moment_is_refused_with_examples(text):
    with pytest.raises(InvalidInput, match="is no time: give 90s"):
        moment(text, START)


def test_a_run_is_drawn_as_bars_with_its_retries_and_ends(book):
    book.kernel("boss", "clerk")
    book.begun("t-1", "boss")
    book.begun("t-2", "clerk", parent="t-1")
    book.write(AttemptFailed(1, "OSError", "gone", 4.0), "t-2", after=4.0)
    book.write(TaskQueued(2, 4.0), "t-2", after=0.0)
    book.now += 3
    book.run("t-2", attempt=2)
    book.write(TaskSucceeded(msgspec.Raw(b"1")), "t-2", after=5.0)
    book.write(TaskSucceeded(msgspec.Raw(b"1")), "t-1", after=1.0)
    book.write(RunSucceeded(), "t-1", after=0.0)
    history = history_of(book.store.read())
    assert list(timeline(history, ["r-1"], book.now, width=72)) == [
        "r-1  16.0 s, 2 task(s)",
        "boss t-1                           ··━━━━━━━━━━━━━━━━━━━━━━✓     16.0 s",
        "  clerk t-2                          ·━━━━━━------↻━━━━━━✓       14.0 s",
    ]

"""Clients that come with a number that this kernel's journal does not have yet."""

from __future__ import annotations

import itertools

import pytest

from retinue.bus.errors import InvalidInput


def test_a_cursor_of_another_journal_is_told_as_such_and_followed_by_all_of_this_one(served):
    served.talk()
    end = served.kernel.last_seq
    with served.sent("/v1/events", Last_Event_ID=str(end + 1_000)) as sent:
        gap, *events = itertools.islice(sent.items(), end + 1)
    assert (gap["first"], gap["last"], gap["reason"]) == (1, 0, "anew")
    assert [event.seq for event in events] == list(range(1, end + 1))


def test_a_beginning_beyond_the_end_is_refused_for_it_is_of_another_journal(served):
    end = served.kernel.last_seq
    with pytest.raises(InvalidInput, match=f"the journal ends at {end}"):
        served.events(**{"from": end + 2})

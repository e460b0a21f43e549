"""Some events against the chain, without the others."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from retinue.bus.journal.spot_check import spot_check
from retinue.bus.journal.testing import envelopes


@pytest.fixture
def written(opened, path):
    """Nine groups of 50 events."""
    store = opened()
    for _ in range(9):
        store.append(envelopes(50))
    store.close()
    return path


def change(path, statement, *values):
    with closing(sqlite3.connect(path)) as journal, journal:
        assert journal.execute(statement, values).rowcount


def test_whole_groups_have_nothing_to_find(written):
    assert spot_check(written, [1, 60, 450]) == []


def test_a_changed_body_and_a_changed_header_are_found_where_they_are(written):
    change(written, "UPDATE events SET body = '{}' WHERE seq = 60")
    change(written, "UPDATE events SET agent = 'x' WHERE seq = 260")
    found = [(f.kind, f.first, f.last) for f in spot_check(written, [60, 260])]
    assert found == [("body", 60, 60), ("header", 260, 260)]


def test_other_groups_are_not_looked_at(written):
    change(written, "UPDATE events SET body = '{}' WHERE seq = 60")
    assert spot_check(written, [1, 101, 450]) == []
    assert spot_check(written, [51]) != []


def test_an_event_that_was_cut_out_is_missed_in_its_group(written):
    change(written, "DELETE FROM events WHERE seq = 60")
    assert [(f.kind, f.first) for f in spot_check(written, [61])] == [("missing", 60)]

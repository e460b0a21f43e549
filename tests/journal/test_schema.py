"""The schema's version: forward from each older one, one transaction a step."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from retinue.bus.errors import JournalError
from retinue.bus.journal import Filter, schema
from retinue.bus.journal.reader import JournalReader
from retinue.bus.journal.testing import envelope, envelopes
from retinue.bus.journal.verify import verify


@pytest.fixture
def old_journal(filled, path):
    """A journal as version 0 wrote it: a table of events, and nothing beside it."""

    def write(count=9_000):
        filled(groups=1, size=count)
        with closing(sqlite3.connect(path)) as old, old:
            for table in ("links", "blocks", "readers", "meta"):
                old.execute(f"DROP TABLE {table}")
        return path

    return write


def test_a_journal_of_version_0_gets_its_chain_and_its_index(old_journal, opened):
    path = old_journal()
    store = opened()
    assert [event.envelope for event in store.read()] == envelopes(9_000)
    assert [event.seq for event in store.read(only=Filter(task="t-3"), limit=2)] == [3, 8]
    store.append([envelope(9_001)])
    store.close()
    report = verify(path)
    assert (report.ok, report.last) == (True, 9_001)


def test_a_reader_leaves_an_old_journal_alone_and_says_what_brings_it_forward(old_journal):
    path = old_journal(10)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="old schema 0; start `retinue run`"):
        JournalReader(path)
    assert path.read_bytes() == before


def test_a_step_that_fails_leaves_the_version_it_began_with(old_journal, opened, path, monkeypatch):
    def break_off(connection):
        schema._seal_all(connection)
        raise sqlite3.OperationalError("broken off")

    old_journal(10)
    with monkeypatch.context() as patch:
        patch.setitem(schema.MIGRATIONS, 0, break_off)
        with pytest.raises(JournalError, match="broken off"):
            opened()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("events",)]
    assert opened().last == 10


def test_steps_are_taken_in_order_up_to_the_newest(old_journal, opened, monkeypatch):
    taken = []
    monkeypatch.setattr(schema, "VERSION", 3)
    monkeypatch.setitem(schema.MIGRATIONS, 1, lambda connection: taken.append(1))
    monkeypatch.setitem(schema.MIGRATIONS, 2, lambda connection: taken.append(2))
    old_journal(10)
    taken.clear()
    opened().close()
    opened()
    assert taken == [1, 2]


def test_a_migration_leads_out_of_each_older_version():
    assert sorted(schema.MIGRATIONS) == list(range(schema.VERSION))

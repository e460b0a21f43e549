"""Those who read a journal: beside its writer, beside each other, and after it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import ExitStack

import pytest

from retinue.bus.errors import JournalError, KernelClosed
from retinue.bus.journal import Filter
from retinue.bus.journal.query import Query
from retinue.bus.journal.reader import JournalReader
from retinue.bus.journal.retention import Retention
from retinue.bus.journal.testing import envelope, envelopes


def test_a_read_does_not_wait_for_a_commit_under_way(opened):
    store = opened()
    store.append(envelopes(3))
    store._writer.execute("BEGIN IMMEDIATE")
    store._writer.execute("UPDATE readers SET cursor = 1")
    assert [event.seq for event in store.read()] == [1, 2, 3]
    store._writer.rollback()


def test_a_reader_that_stops_in_the_middle_does_not_keep_the_log_from_being_written_back(opened):
    store = opened()
    store.append(envelopes(5_000))
    reading = store.read()
    next(reading)
    store.append(envelopes(10))
    store.compact()
    assert store._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    assert sum(1 for _ in reading) == 4_999


def test_large_bodies_are_read_in_chunks_of_bounded_size(opened):
    store = opened()
    store.append([envelope(n, body=b'"' + b"x" * 100_000 + b'"') for n in range(1, 201)])
    first, rows, reached = store.reader._chunk(Query(Filter()), 0, 200, 4_096)
    assert (first, reached) == (1, len(rows))
    assert 40 <= len(rows) <= 80
    assert [event.seq for event in store.read()] == list(range(1, 201))


def test_a_closed_journal_stays_readable_and_lets_the_next_writer_in(opened):
    store = opened()
    store.append(envelopes(3))
    store.close()
    assert [event.seq for event in store.read()] == [1, 2, 3]
    for change in (lambda: store.trim(Retention(), 0.0), lambda: store.register_reader("a", 1)):
        with pytest.raises(KernelClosed, match="closed"):
            change()
    assert opened().last == 3


def test_a_reader_beside_the_writer_sees_each_commit(opened, path):
    store = opened()
    store.append(envelopes(2))
    reader = JournalReader(path)
    assert (reader.first, reader.last) == (1, 2)
    store.append(envelopes(2))
    assert [event.seq for event in reader.read(after=1)] == [2, 3, 4]
    with (
        reader.connection() as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("DELETE FROM events")
    reader.close()


def test_a_reader_refuses_a_file_that_is_not_there(path):
    with pytest.raises(JournalError, match="cannot be opened") as caught:
        JournalReader(path)
    assert (caught.value.kind, path.exists()) == ("missing", False)


def test_a_reader_keeps_a_bounded_number_of_connections_and_none_once_closed(opened):
    reader = opened().reader
    with ExitStack() as taken:
        connections = {id(taken.enter_context(reader.connection())) for _ in range(6)}
    assert (len(connections), len(reader._idle)) == (6, 4)
    reader.close()
    with reader.connection():
        pass
    assert len(reader._idle) == 0


def test_threads_that_read_at_once_each_see_everything(opened):
    store = opened()
    store.append(envelopes(1_000))
    counts = []
    start = threading.Barrier(12)

    def count():
        start.wait(10)
        counts.append(sum(1 for _ in store.read()))

    threads = [threading.Thread(target=count) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert counts == [1_000] * 12

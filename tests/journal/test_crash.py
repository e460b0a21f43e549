"""kill -9 and torn files: what was accepted is there, and groups are there as a whole or not at all."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from retinue.bus.journal.sqlite import SqliteStore
from retinue.bus.journal.testing import envelopes
from retinue.bus.journal.verify import verify

GROUP = 50

WRITING = f"""
import sys
from retinue.bus.journal.sqlite import SqliteStore
from retinue.bus.journal.testing import envelopes
store = SqliteStore(sys.argv[1], sys.argv[2])
while True:
    store.append(envelopes({GROUP}, start=store.last + 1))
    print(store.last, flush=True)
"""


@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL"])
def test_a_writer_killed_in_the_middle_has_kept_all_that_it_had_answered_for(
    child, path, synchronous
):
    accepted = 0
    for acknowledged in (1, 7, 30, 90):
        process = child(WRITING, path, synchronous)
        for _ in range(acknowledged):
            accepted = int(process.stdout.readline())
        process.kill()
        rest, _ = process.communicate(timeout=30)
        accepted = max([accepted, *map(int, rest.split("\n")[:-1])])
        report = verify(path)
        assert report.ok, report.findings
        assert report.last >= accepted
        assert report.last % GROUP == 0
    with closing(SqliteStore(path)) as store:
        assert [event.id for event in store.read()] == [f"m-{n}" for n in range(1, store.last + 1)]


def test_a_log_torn_at_any_place_opens_with_whole_groups_only(opened, path, tmp_path):
    store = opened()
    for group in range(20):
        store.append(envelopes(GROUP, start=1 + group * GROUP))
    log = path.with_name("journal.db-wal")
    ends = set()
    for cut in range(0, log.stat().st_size, log.stat().st_size // 60):
        torn = tmp_path / f"torn-{cut}"
        torn.mkdir()
        shutil.copy(path, torn / path.name)
        (torn / log.name).write_bytes(log.read_bytes()[:cut])
        with closing(SqliteStore(torn / path.name, "NORMAL")) as reopened:
            ends.add(reopened.last)
            assert [event.seq for event in reopened.read()] == list(range(1, reopened.last + 1))
        assert verify(torn / path.name).ok
    assert all(end % GROUP == 0 for end in ends)
    assert len(ends) > 10


def test_a_commit_whose_failure_left_it_in_the_file_is_not_written_twice(opened, path):
    """After an error nobody knows whether the group is there: the file is asked, not believed."""
    store = opened()
    store.append(envelopes(3))
    real = store._writer
    store._writer = FailsAfterCommit(real)
    with pytest.raises(Exception, match="disk I/O error"):
        store.append(envelopes(3, start=4))
    store._writer = real
    with pytest.raises(Exception, match="is there after all, up to 6; start again"):
        store.append(envelopes(3, start=4))
    store.close()
    again = opened()
    assert [event.id for event in again.read()] == [f"m-{n}" for n in range(1, 7)]
    assert verify(path).ok


class FailsAfterCommit:
    """A connection whose commit succeeds and says that it did not: no real disk does so on order."""

    def __init__(self, real):
        self.real = real

    def __getattr__(self, name):
        return getattr(self.real, name)

    def execute(self, sql, *values):
        result = self.real.execute(sql, *values)
        if sql == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return result

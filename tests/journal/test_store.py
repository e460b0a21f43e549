"""The SQLite store: the conformance suite, a model of it, and what its file promises."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.bus.errors import InvalidInput
from retinue.bus.journal import Filter, blocks, chain, index_check
from retinue.bus.journal.query import Query
from retinue.bus.journal.reader import JournalReader
from retinue.bus.journal.retention import Retention
from retinue.bus.journal.sqlite import SqliteStore
from retinue.bus.journal.testing import (
    BoundedStoreConformance,
    EventStoreConformance,
    envelope,
    envelopes,
)
from retinue.bus.journal.verify import verify


class Trimming:
    """A store that trims itself after each append, as a daemon does now and then.

    Whole groups are trimmed: to have the events go one by one, each is a group of its own.
    """

    def __init__(self, path, max_events):
        self.store = SqliteStore(path, "NORMAL")
        self.bounds = Retention(max_events=max_events)

    def __getattr__(self, name):
        return getattr(self.store, name)

    def append(self, envelopes):
        events = [event for one in envelopes for event in self.store.append([one])]
        self.store.trim(self.bounds, now=0.0)
        return events


class TestSqliteStore(EventStoreConformance, BoundedStoreConformance):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path
        self.stores = []
        yield
        for store in self.stores:
            store.close()

    def open_store(self):
        self.stores.append(SqliteStore(self.folder / "journal.db", "NORMAL"))
        return self.stores[-1]

    def open_bounded(self, max_events):
        self.stores.append(Trimming(self.folder / f"bounded-{len(self.stores)}.db", max_events))
        return self.stores[-1]


# Many short-lived files: in memory where there is such a place.
FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

names = st.sampled_from(["", "a", "b", "c"])
kinds = st.sampled_from(["tool.called", "tool.returned", "run.failed", "run.[x]"])
said = st.builds(
    lambda run, task, kind: envelope(1, run=run, task=task, agent=task + run, type=kind),
    names,
    names,
    kinds,
)
globs = st.sampled_from(["tool.*", "run.failed", "*", "*.called", "run.[[]x]", "t[!x]*", "?un.*"])
filters = st.builds(Filter, run=names, task=names, types=st.lists(globs, max_size=2).map(tuple))


@settings(max_examples=50)
@given(
    groups=st.lists(st.lists(said, max_size=12), max_size=12),
    only=st.none() | filters,
    after=st.just(0) | st.integers(0, 60),
    limit=st.none() | st.integers(0, 10),
    keep=st.none() | st.integers(1, 40),
    reopen=st.booleans(),
)
def test_reading_equals_filtering_the_whole_history(groups, only, after, limit, keep, reopen):
    with SmallUnits(), tempfile.TemporaryDirectory(dir=FAST) as folder:
        path = Path(folder) / "journal.db"
        store = SqliteStore(path, "NORMAL")
        history = []
        for group in groups:
            history += store.append(group)
            if keep is not None:
                store.trim(Retention(max_events=keep), now=0.0)
            if reopen:
                store.close()
                store = SqliteStore(path, "NORMAL")
        kept = [event for event in history if event.seq >= store.first]
        wanted = [e for e in kept if e.seq > after and (only is None or only.matches(e.envelope))]
        assert list(store.read(after, only, limit)) == wanted[:limit]
        assert store.last == len(history)
        store.close()
        assert list(JournalReader(path).read(after, only, limit)) == wanted[:limit]
        report = verify(path)
        assert (report.ok, report.events) == (True, len(kept)), report.findings


class SmallUnits:
    """Blocks of 8 events and links of 4, so that small examples cross their borders."""

    def __enter__(self):
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(blocks, "BLOCK", 8)
        self.patch.setattr(index_check, "BLOCK", 8)
        self.patch.setattr("retinue.bus.journal.trimming.BLOCK", 8)
        self.patch.setattr(chain, "MAX_LINK", 4)
        self.patch.setattr("retinue.bus.journal.trimming.MAX_LINK", 4)

    def __exit__(self, *error):
        self.patch.undo()


@pytest.mark.parametrize(
    "glob",
    [
        "tool.*",
        "*",
        "?ool.called",
        "t[!x]*",
        "t[^x]*",
        "t[a-p]*",
        "[tr]*",
        "r[[]x]",
        "r[x",
        "T*",
        "*.x\n",
    ],
)
def test_globs_match_as_they_do_in_a_filter(opened, glob):
    types = [
        "tool.called",
        "tool.returned",
        "run.failed",
        "r[x]",
        "r[x",
        "t^",
        "tx",
        "a.x\n",
        "Tool",
    ]
    store = opened()
    said = [envelope(n, type=kind) for n, kind in enumerate(types)]
    store.append(said)
    only = Filter(types=(glob,))
    assert [e.type for e in store.read(only=only)] == [e.type for e in said if only.matches(e)]


@pytest.mark.parametrize(
    ("only", "blocks"),
    [
        (Filter(), None),
        (Filter(run="rare"), [1]),
        (Filter(task="rare-t"), [1]),
        (Filter(agent="rare-a"), [1]),
        (Filter(run="rare", task="t-1"), [1]),
        (Filter(types=("security.*",)), [1]),
        (Filter(types=("sec[u]rity.*", "none")), [1]),
        (Filter(types=("task.*",)), [0, 1, 2]),
        (Filter(task="t-1"), [0, 1, 2]),
        (Filter(run="nobody's"), []),
        (Filter(task="t-1", types=("security.*",)), [1]),
    ],
)
def test_a_look_up_goes_only_into_the_blocks_that_have_the_name(opened, only, blocks):
    store = opened()
    store.append(envelopes(5_000))
    store.append([envelope(0, run="rare", task="rare-t", agent="rare-a", type="security.denied")])
    store.append(envelopes(3 * 4_096 - 5_001))
    with store.reader.connection() as connection:
        assert Query(only).blocks(connection, 0) == blocks


@pytest.mark.parametrize("size", [1, 2, 5, 17, 21, 64, 65, 81, 82, 1_001])
def test_a_group_of_any_size_is_kept_whole_and_in_its_order(opened, size):
    store = opened()
    store.append(envelopes(3))
    told = store.append(envelopes(size, start=4))
    assert [event.seq for event in told] == list(range(4, size + 4))
    assert [event.envelope for event in store.read()] == envelopes(size + 3)
    assert verify(store.path).ok


def test_many_events_go_in_with_few_statements(opened):
    """Between statements other threads get the interpreter, and the writer may wait long for it."""
    store, executed = opened(), []
    store._writer.set_trace_callback(executed.append)
    store.append(envelopes(1_000))
    store._writer.set_trace_callback(None)
    assert len(executed) < 40


def test_a_journal_goes_on_where_it_was_when_it_is_opened_again(opened):
    first = opened()
    kept = list(first.append(envelopes(5_000)))
    head = first.head
    first.close()
    again = opened()
    assert (again.last, again.head) == (5_000, head)
    kept += again.append(envelopes(5, start=5_001))
    assert list(again.read()) == kept


def test_a_shell_reads_the_events_one_row_each_with_the_body_as_text(opened, path):
    opened().append([envelope(7, run="r-7", deadline=5.5)])
    with closing(sqlite3.connect(path)) as shell:
        row = shell.execute(
            "SELECT seq, id, type, run, task, agent, time, cause, body, deadline FROM events"
        ).fetchone()
        assert shell.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert row == (
        *(1, "m-7", "task.running", "r-7", "t-2", "agent1", 1_000_000_007.0, ""),
        *('{"type":"task.running","attempt":7}', 5.5),
    )


def test_the_files_of_a_journal_are_private(opened, path):
    opened().append(envelopes(1))
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(
        ["journal.db", "journal.db-wal", "journal.db-shm", "journal.db-lock"], 0o600
    )


def test_a_journal_that_others_could_read_is_made_private_when_it_is_opened(filled, opened, path):
    filled()
    path.chmod(0o644)
    opened()
    assert path.stat().st_mode & 0o777 == 0o600


def test_durability_is_full_unless_normal_was_asked_for(path):
    for options, level in (({}, 2), ({"synchronous": "NORMAL"}, 1)):
        store = SqliteStore(path, **options)
        assert store._writer.execute("PRAGMA synchronous").fetchone() == (level,)
        store.close()


def test_importing_the_journal_loads_no_sqlite():
    source = "import retinue.bus.journal, sys; sys.exit('sqlite3' in sys.modules)"
    subprocess.run([sys.executable, "-P", "-c", source], check=True, timeout=60)


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ([envelope(1, body=b'"\xff"')], "UTF-8"),
        ([envelope(1, body=b"\xe2"), envelope(2, body=b"\x82\xac")], "UTF-8"),
        ([envelope(1), envelope(2, deadline=float("nan"))], "NaN"),
    ],
)
def test_what_the_table_would_not_give_back_is_refused_and_leaves_no_trace(opened, bad, rule):
    store = opened()
    with pytest.raises(InvalidInput, match=rule):
        store.append(bad)
    assert (store.last, list(store.read())) == (0, [])

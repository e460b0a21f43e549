"""Trimming: to the bounds, no further than those who still need it, and saying so."""

from __future__ import annotations

import pytest

from retinue.bus.errors import InvalidInput
from retinue.bus.journal import Filter
from retinue.bus.journal.retention import Facts, Hold, Retention, decide, wanted_cut
from retinue.bus.journal.testing import envelope, envelopes
from retinue.bus.journal.verify import verify

FACTS = Facts(first=101, last=200, used_bytes=10_000, old_until=130)


@pytest.mark.parametrize(
    ("bounds", "cut"),
    [
        (Retention(), 100),
        (Retention(max_age=60), 130),
        (Retention(max_events=40), 160),
        (Retention(max_events=1_000), 100),
        (Retention(max_events=0), 200),
        (Retention(max_bytes=10_000), 100),
        (Retention(max_bytes=4_999), 151),
        (Retention(max_bytes=0), 200),
        (Retention(max_age=60, max_events=90, max_bytes=9_000), 130),
    ],
)
def test_the_tightest_bound_says_how_far_to_cut(bounds, cut):
    assert wanted_cut(bounds, FACTS) == cut


def test_a_cut_stops_before_what_anybody_needs_or_names_whom_it_passed():
    holds = [Hold("run b", 60), Hold("reader a", 41), Hold("run c", 200)]
    assert decide(100, holds, pass_holds=False) == (40, ["reader a", "run b"], ())
    assert decide(100, holds, pass_holds=True) == (100, (), ["reader a", "run b"])
    assert decide(30, holds, pass_holds=False) == (30, [], ())


@pytest.fixture
def store(opened):
    """300 events in groups of 10; one run per hundred, a second apart."""
    store = opened()
    for start in range(1, 301, 10):
        store.append(
            [
                envelope(n, run=f"r-{(n - 1) // 100}", time=float(n))
                for n in range(start, start + 10)
            ]
        )
    return store


def test_whole_groups_go_from_the_old_end(store):
    report = store.trim(Retention(max_events=95), now=0.0)
    assert (report.first, report.removed, report.held_by) == (201, 200, ())
    assert (store.first, store.last) == (201, 300)
    assert [event.seq for event in store.read()] == list(range(201, 301))


def test_events_go_by_age_as_the_given_time_says(store):
    assert store.trim(Retention(max_age=100.0), now=250.0).first == 141
    assert store.trim(Retention(max_age=100.0), now=250.0).removed == 0


def test_an_old_event_behind_a_young_one_waits_for_it(opened):
    store = opened()
    for number, time in enumerate([10.0, 940.0, 20.0, 900.0], start=1):
        store.append([envelope(number, time=time)])
    assert store.trim(Retention(max_age=100.0), now=950.0).first == 2


def test_a_live_run_holds_the_trim_and_is_named(store):
    report = store.trim(Retention(max_events=50), now=0.0, live_runs=["r-1", "r-2"])
    assert (report.first, report.removed, report.held_by) == (101, 100, ("run r-1", "run r-2"))
    again = store.trim(Retention(max_events=50), now=0.0, live_runs=["r-1"])
    assert (again.removed, again.held_by) == (0, ("run r-1",))


def test_a_registered_reader_holds_the_trim_until_it_moved_on(store):
    store.register_reader("mirror", 77)
    report = store.trim(Retention(max_events=0), now=0.0)
    assert (report.first, report.held_by) == (71, ("reader mirror",))
    store.register_reader("mirror", 250)
    assert store.trim(Retention(max_events=100), now=0.0).held_by == ()
    store.forget_reader("mirror")
    store.forget_reader("mirror")
    assert store.readers() == {}


def test_registered_readers_are_there_after_a_restart(store, opened):
    store.register_reader("mirror", 77)
    store.close()
    assert opened().readers() == {"mirror": 77}


def test_when_it_is_told_to_pass_them_it_says_whom(store):
    store.register_reader("mirror", 77)
    report = store.trim(Retention(max_events=150), now=0.0, live_runs=["r-0"], pass_holds=True)
    assert (report.first, report.passed) == (151, ("reader mirror", "run r-0"))


def test_only_those_are_named_whose_events_went(store):
    store.register_reader("mirror", 155)
    report = store.trim(Retention(max_events=142), now=0.0, pass_holds=True)
    assert (report.first, report.passed) == (151, ())


def test_one_call_removes_no_more_than_its_budget(opened):
    store = opened()
    for start in range(1, 5_001, 1_000):
        store.append(envelopes(1_000, start=start))
    report = store.trim(Retention(max_events=0), now=0.0, budget=2_500)
    assert (report.removed, report.more) == (2_000, True)
    while report.more:
        report = store.trim(Retention(max_events=0), now=0.0, budget=2_500)
    assert (store.first, store.last) == (5_001, 5_000)
    with store.reader.connection() as connection:
        assert connection.execute("SELECT count(*) FROM blocks").fetchone() == (0,)
        assert connection.execute("SELECT last FROM links").fetchall() == [(5_000,)]


def test_a_journal_that_was_trimmed_to_nothing_goes_on_with_its_numbers(store, opened, path):
    store.trim(Retention(max_events=0), now=0.0)
    assert (store.first, store.last, list(store.read())) == (301, 300, [])
    store.close()
    store = opened()
    assert (store.first, store.last) == (301, 300)
    assert [event.seq for event in store.append(envelopes(3))] == [301, 302, 303]
    store.close()
    assert verify(path).ok


def test_by_bytes_the_file_shrinks_to_its_bound_a_few_pages_at_a_time(opened, path):
    store = opened()
    for start in range(1, 20_001, 1_000):
        store.append(envelopes(1_000, start=start))
    store.compact()
    before = path.stat().st_size
    while store.trim(Retention(max_bytes=before // 2), now=0.0).removed:
        pass
    left = [store.compact(pages=10)]
    while left[-1]:
        left.append(store.compact(pages=10))
    assert left == [max(0, left[0] - 10 * step) for step in range(len(left))]
    assert len(left) > 3
    assert before / 3 < path.stat().st_size < before * 0.6
    assert list(store.read(only=Filter(task="t-1")))[-1].seq == 19_996
    store.close()
    assert verify(path).ok


def test_a_snapshot_is_given_back_with_its_seq(store):
    assert store.load_snapshot("kernel") is None
    store.save_snapshot("kernel", 120, b"old")
    store.save_snapshot("kernel", 300, b"state")
    store.save_snapshot("other", 0, b"empty")
    assert store.load_snapshot("kernel") == (300, b"state")
    assert store.load_snapshot("other") == (0, b"empty")
    folder = store.path.parent / "snapshots"
    assert [f.stat().st_mode & 0o777 for f in [folder, *folder.iterdir()]] == [0o700, 0o600, 0o600]


def test_a_snapshot_survives_what_is_appended_and_a_restart(store, opened):
    store.save_snapshot("kernel", 300, b"state")
    store.append(envelopes(5))
    store.close()
    assert opened().load_snapshot("kernel") == (300, b"state")


def test_a_snapshot_that_was_deleted_damaged_or_cut_is_as_good_as_none(store):
    file = store.path.parent / "snapshots" / "kernel.snapshot"
    store.save_snapshot("kernel", 300, b"state")
    content = file.read_bytes()
    for at in range(len(content)):
        file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert store.load_snapshot("kernel") is None, at
        file.write_bytes(content[:at])
        assert store.load_snapshot("kernel") is None, at
    file.unlink()
    assert store.load_snapshot("kernel") is None


def test_a_snapshot_of_another_journal_is_as_good_as_none(store, opened, tmp_path):
    from retinue.bus.journal.sqlite import SqliteStore

    store.save_snapshot("kernel", 300, b"state")
    other = SqliteStore(tmp_path / "other.db")
    other.append([envelope(n, agent="else") for n in range(1, 301)])
    assert other.path.parent == store.path.parent
    assert other.load_snapshot("kernel") is None
    other.close()


def test_a_snapshot_ahead_of_the_journal_or_behind_its_trim_is_as_good_as_none(store):
    with pytest.raises(InvalidInput, match="event 301 is not in the journal"):
        store.save_snapshot("kernel", 301, b"state")
    store.save_snapshot("kernel", 100, b"state")
    store.trim(Retention(max_events=150), now=0.0)
    assert store.load_snapshot("kernel") is None


@pytest.mark.parametrize("kind", ["", "../journal", "A", "a.b", "x" * 65])
def test_the_kind_of_a_snapshot_is_a_plain_name(store, kind):
    with pytest.raises(InvalidInput, match="not a name"):
        store.save_snapshot(kind, 1, b"")

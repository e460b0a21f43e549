"""Tamper evidence: each way to change a journal behind its back is found, at its place."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.bus.errors import JournalError
from retinue.bus.journal.chain import COLUMNS
from retinue.bus.journal.retention import Retention
from retinue.bus.journal.testing import envelope, envelopes
from retinue.bus.journal.verify import verify

COPY = ", ".join(COLUMNS)


def found(path, **options):
    return [(f.kind, f.first, f.last) for f in verify(path, **options).findings]


def test_an_untouched_journal_is_whole(filled):
    report = verify(filled(groups=30, size=10))
    assert (report.ok, report.first, report.last, report.events) == (True, 1, 300, 300)


def test_an_empty_journal_is_whole(filled):
    report = verify(filled(groups=0))
    assert (report.ok, report.last, report.events) == (True, 0, 0)


def test_a_journal_is_verified_while_a_kernel_writes_it(opened, path):
    store = opened()
    store.append(envelopes(5_000))
    seen = []

    def commit_more(done, total):
        seen.append((done, total))
        store.append(envelopes(10))

    report = verify(path, progress=commit_more)
    assert (report.ok, report.last, store.last) == (True, 5_000, 5_000 + 10 * len(seen))
    assert seen[-1] == (5_000, 5_000)


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "body"])
def test_a_changed_header_field_is_found_at_its_event(filled, tamper, column):
    path = filled()
    tamper(path, f"UPDATE events SET {column} = '1' WHERE seq = 137")
    assert found(path) == [("header", 137, 137)]


def test_a_changed_body_is_found_at_its_event(filled, tamper):
    path = filled()
    tamper(path, "UPDATE events SET body = replace(body, 'running', 'runnInG') WHERE seq = 299")
    (finding,) = verify(path).findings
    assert str(finding) == "event 299: body, the body is not what was committed"


@pytest.mark.parametrize("value", ["x'ff00'", "7", "'caf' || x'e9'", "''"])
def test_a_body_of_another_kind_is_found_at_its_event(filled, tamper, value):
    path = filled()
    tamper(path, f"UPDATE events SET body = {value} WHERE seq = 5")
    assert found(path) == [("body", 5, 5)]


def test_a_header_that_is_not_text_any_more_is_found_at_its_event(filled, tamper):
    path = filled()
    tamper(path, "UPDATE events SET agent = CAST(x'ff61' AS TEXT) WHERE seq = 5")
    assert found(path) == [("header", 5, 5)]


@pytest.mark.parametrize(("first", "last"), [(1, 1), (1, 10), (95, 114), (150, 150), (291, 300)])
def test_a_cut_is_found_with_its_range(filled, tamper, first, last):
    path = filled()
    tamper(path, f"DELETE FROM events WHERE seq BETWEEN {first} AND {last}")
    assert found(path) == [("missing", first, last)]


@pytest.mark.parametrize(("first", "last"), [(1, 10), (101, 120)])
def test_a_cut_with_its_seals_is_found_with_its_range(filled, tamper, first, last):
    path = filled()
    for table, number in (("events", "seq"), ("links", "last")):
        tamper(path, f"DELETE FROM {table} WHERE {number} BETWEEN {first} AND {last}")
    assert found(path) == [("missing", first, last)]


def test_a_cut_whose_gap_was_closed_is_found_at_its_place(filled, tamper):
    path = filled()
    tamper(
        path,
        "DELETE FROM events WHERE seq = 150",
        "UPDATE events SET seq = -(seq - 1) WHERE seq > 150",
        "UPDATE events SET seq = -seq WHERE seq < 0",
    )
    assert found(path) == [("moved", 150, 299), ("missing", 300, 300)]
    assert "cut out" in verify(path).findings[0].detail


@pytest.mark.parametrize("far", [152, 237])
def test_a_swap_is_found_with_both_places(filled, tamper, far):
    path = filled()
    tamper(
        path,
        "UPDATE events SET seq = -1 WHERE seq = 150",
        f"UPDATE events SET seq = 150 WHERE seq = {far}",
        f"UPDATE events SET seq = {far} WHERE seq = -1",
    )
    assert found(path) == [("swapped", 150, far)]


def test_an_insertion_at_the_end_is_found(filled, tamper):
    path = filled()
    tamper(path, f"INSERT INTO events ({COPY}) SELECT {COPY} FROM events WHERE seq = 7")
    assert found(path) == [("added", 301, 301)]


def test_an_insertion_before_the_beginning_is_found(filled, tamper):
    path = filled()
    tamper(path, f"INSERT INTO events (seq, {COPY}) SELECT 0, {COPY} FROM events WHERE seq = 7")
    assert found(path) == [("added", 0, 0)]


def test_an_insertion_in_the_middle_is_found_at_its_place(filled, tamper):
    path = filled()
    tamper(
        path,
        "UPDATE events SET seq = -(seq + 1) WHERE seq >= 150",
        "UPDATE events SET seq = -seq WHERE seq < 0",
        f"INSERT INTO events (seq, {COPY}) SELECT 150, {COPY} FROM events WHERE seq = 7",
    )
    assert found(path) == [("added", 150, 150), ("moved", 151, 300), ("added", 301, 301)]


def test_a_damaged_seal_is_told_from_damaged_events(filled, tamper):
    path = filled()
    tamper(path, "UPDATE links SET hash = zeroblob(32) WHERE last = 150")
    assert found(path) == [("link", 141, 150)]


def test_a_seal_that_was_taken_out_is_found(filled, tamper):
    path = filled()
    tamper(path, "DELETE FROM links WHERE last = 150")
    assert found(path) == [("link", 141, 160)]


def test_a_change_with_its_sums_made_to_fit_is_found_in_its_group(filled, path, opened, tamper):
    forged = [envelope(n, agent="forged" if n == 145 else f"agent{n % 2}") for n in range(141, 151)]
    filled(groups=14)
    store = opened()
    store.append(forged)
    store.close()
    with closing(sqlite3.connect(path)) as other:
        (sums,) = other.execute("SELECT sums FROM links WHERE last = 150").fetchone()
    for file in path.parent.iterdir():
        file.unlink()
    filled(groups=30)
    tamper(path, f"UPDATE links SET sums = x'{sums.hex()}' WHERE last = 150")
    tamper(path, "UPDATE events SET agent = 'forged' WHERE seq = 145")
    assert found(path) == [("content", 141, 150)]


def test_an_index_that_hides_events_is_found(filled, tamper):
    path = filled(groups=2, size=4_096)
    tamper(path, "UPDATE blocks SET names = x'' WHERE block = 1")
    assert found(path) == [("index", 4_097, 8_192)]


def test_a_noted_head_shows_what_was_dropped_or_rewritten(filled, opened, path):
    filled()
    report = verify(path)
    noted = (report.last, report.head)
    store = opened()
    store.append(envelopes(10, start=301))
    store.close()
    assert found(path, anchor=noted) == []
    assert found(path, anchor=(400, report.head)) == [("missing", 311, 400)]
    assert found(path, anchor=(300, "00" * 32)) == [("content", 1, 300)]


def test_events_dropped_together_with_their_seals_show_by_a_noted_head_alone(filled, tamper):
    path = filled()
    report = verify(path)
    tamper(path, "DELETE FROM events WHERE seq > 250", "DELETE FROM links WHERE last > 250")
    assert found(path) == []
    assert found(path, anchor=(report.last, report.head)) == [("missing", 251, 300)]


def test_a_trimmed_journal_is_whole_and_its_remaining_front_is_still_guarded(
    filled, opened, tamper
):
    path = filled()
    store = opened()
    store.trim(Retention(max_events=100), now=0.0)
    store.close()
    assert (verify(path).ok, verify(path).first) == (True, 201)
    tamper(path, "DELETE FROM events WHERE seq = 201")
    assert found(path) == [("missing", 201, 201)]


def test_a_journal_that_was_renumbered_as_a_whole_is_found(filled, tamper):
    path = filled()
    tamper(
        path,
        *(
            f"UPDATE {table} SET {n} = -({n} + 10)"
            for table, n in (("events", "seq"), ("links", "last"))
        ),
        *(f"UPDATE {table} SET {n} = -{n}" for table, n in (("events", "seq"), ("links", "last"))),
        "INSERT INTO links VALUES (10, zeroblob(32), x'')",
        "INSERT INTO meta VALUES ('trimmed', 10)",
    )
    assert not verify(path).ok


def test_of_many_findings_the_first_hundred_are_listed_and_the_rest_counted(filled, tamper):
    path = filled()
    tamper(path, "UPDATE events SET agent = 'x' WHERE seq % 2")
    report = verify(path)
    assert (len(report.findings), report.more) == (100, 50)


@given(flip=st.integers(0, 2**32))
def test_any_flipped_bit_of_an_event_is_found_at_its_event(flip, whole_journal):
    path, content = whole_journal
    chooser = random.Random(flip)
    seq = chooser.randrange(1, 201)
    needle = b"m-%d" % seq + b"task.running"
    at = content.index(needle) + chooser.randrange(len(needle) + 8)
    flipped = bytearray(content)
    flipped[at] ^= 1 << chooser.randrange(8)
    path.write_bytes(flipped)
    assert found(path) == [("header", seq, seq)]


@given(flip=st.integers(0, 2**32))
def test_a_flipped_bit_anywhere_is_found_or_changes_nothing_that_is_read(flip, whole_journal):
    path, content = whole_journal
    chooser = random.Random(flip)
    flipped = bytearray(content)
    flipped[chooser.randrange(len(content))] ^= 1 << chooser.randrange(8)
    path.write_bytes(flipped)
    try:
        whole = verify(path).ok
    except JournalError:
        whole = False
    if whole:
        assert rows(path) == rows_of_the_original(path, content)


@pytest.mark.parametrize("damaged", ["hash", "sums"])
@pytest.mark.parametrize("value", [None, "text", 7])
def test_a_seal_that_is_no_seal_is_found(damaged, value, whole_journal):
    path, content = whole_journal
    path.write_bytes(content)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        change = "UPDATE sqlite_schema SET sql = replace(sql, 'BLOB NOT NULL', 'BLOB')"
        connection.execute(change)
    with closing(sqlite3.connect(path)) as connection, connection:
        change = f"UPDATE links SET {damaged} = ? WHERE last = (SELECT max(last) FROM links)"
        connection.execute(change, (value,))
    report = verify(path)
    assert not report.ok
    assert report.last == 200


def rows(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM events ORDER BY seq").fetchall()


def rows_of_the_original(path, content):
    path.write_bytes(content)
    return rows(path)


@pytest.fixture(scope="module")
def whole_journal(tmp_path_factory):
    from retinue.bus.journal.sqlite import SqliteStore

    path = tmp_path_factory.mktemp("flips") / "journal.db"
    store = SqliteStore(path, "NORMAL")
    for group in range(20):
        store.append(envelopes(10, start=1 + group * 10))
    store.close()
    return path, path.read_bytes()

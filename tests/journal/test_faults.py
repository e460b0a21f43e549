"""What goes wrong with a file: each is one clear error, and nothing that was accepted is lost."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sqlite3
import subprocess
from contextlib import closing

import pytest

from retinue.bus.errors import JournalError
from retinue.bus.journal.reader import JournalReader
from retinue.bus.journal.schema import VERSION
from retinue.bus.journal.testing import envelopes
from retinue.bus.journal.verify import verify

LARGE = 2_000


def test_a_full_disk_refuses_the_whole_group_and_takes_it_once_there_is_space(opened, path):
    store = opened()
    store.append(envelopes(10))
    fill(store, "PRAGMA max_page_count = 20")
    with pytest.raises(JournalError, match=r"the disk is full.*free some space") as caught:
        store.append(envelopes(LARGE, start=11))
    assert (caught.value.kind, caught.value.retryable) == ("full", True)
    assert str(path) in str(caught.value)
    assert [event.seq for event in store.read()] == list(range(1, 11))
    fill(store, "PRAGMA max_page_count = 100000")
    store.append(envelopes(LARGE, start=11))
    assert [event.id for event in store.read()] == [f"m-{n}" for n in range(1, 11 + LARGE)]
    store.close()
    assert verify(path).ok


def fill(store, pragma):
    store._writer.execute(pragma).fetchall()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB, where this user may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.xfail("only root may mount a small disk; a limit on file sizes stands in for it")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_really_is_full_takes_the_group_once_a_file_was_removed(small_disk):
    from retinue.bus.journal.sqlite import SqliteStore

    path = small_disk / "journal.db"
    ballast = small_disk / "ballast"
    with closing(SqliteStore(path)) as store:
        store.append(envelopes(10))
        ballast.write_bytes(bytes(3 << 19))
        with pytest.raises(JournalError, match="full") as caught:
            store.append(envelopes(8_000, start=11))
        assert caught.value.retryable
        assert store.last == 10
        ballast.unlink()
        store.append(envelopes(1_000, start=11))
        assert store.last == 1_010
    assert (verify(path).ok, verify(path).last) == (True, 1_010)


@contextlib.contextmanager
def largest_file(size):
    """No file of this process may grow beyond ``size`` bytes: as a quota would have it."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_write_that_the_system_refuses_loses_nothing_and_may_be_tried_again(opened, path):
    store = opened()
    store.append(envelopes(10))
    with (
        largest_file(200_000),
        pytest.raises(JournalError, match="did not read or write") as caught,
    ):
        store.append(envelopes(LARGE, start=11))
    assert (caught.value.kind, caught.value.retryable) == ("io", True)
    assert [event.seq for event in store.read()] == list(range(1, 11))
    store.append(envelopes(LARGE, start=11))
    store.close()
    assert (verify(path).ok, verify(path).last) == (True, 10 + LARGE)


FAILING_SYNC = """
import ctypes, errno, struct, sys
from retinue.bus.errors import JournalError
from retinue.bus.journal.sqlite import SqliteStore
from retinue.bus.journal.testing import envelopes

def fail_syncs():
    # A seccomp filter: fsync (74) and fdatasync (75) of x86_64 return EIO, all else is allowed.
    def op(code, k, yes=0, no=0):
        return struct.pack("HBBI", code, yes, no, k)
    program = b"".join([
        op(0x20, 0),
        op(0x15, 74, 1, 0),
        op(0x15, 75, 0, 1),
        op(0x06, 0x00050000 | errno.EIO),
        op(0x06, 0x7FFF0000),
    ])
    kept = ctypes.create_string_buffer(program, len(program))
    filter = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(kept))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0, "no_new_privs"
    assert libc.prctl(22, 2, ctypes.c_char_p(filter), 0, 0) == 0, "seccomp"

store = SqliteStore(sys.argv[1])
store.append(envelopes(10))
fail_syncs()
for _ in range(2):
    try:
        store.append(envelopes(5, start=11))
    except JournalError as error:
        print(error.kind, error.retryable, store.last, [e.seq for e in store.read()][-1], flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the filter knows x86_64's numbers")
def test_a_failing_sync_is_never_taken_for_a_commit(child, path):
    process = child(FAILING_SYNC, path)
    said = [process.stdout.readline().strip() for _ in range(2)]
    assert said == ["io True 10 10"] * 2
    process.kill()
    process.wait(30)
    report = verify(path)
    assert report.ok
    assert report.last in {10, 15}  # unanswered: it may be there, but only as a whole


OPENING = """
import ctypes, sys
from retinue.bus.errors import JournalError
from retinue.bus.journal.sqlite import SqliteStore
from retinue.bus.journal.verify import verify

# Without capabilities, so that file modes bind root as well.
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
assert ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)()) == 0
try:
    SqliteStore(sys.argv[1])
except JournalError as error:
    print(error.kind, error.retryable, error)
print(len(sys.argv) > 2 and verify(sys.argv[1]).ok)
"""


def test_a_folder_that_cannot_be_written_is_refused_by_name(child, tmp_path):
    folder = tmp_path / "state"
    folder.mkdir(mode=0o555)
    said, _ = child(OPENING, folder / "journal.db").communicate(timeout=60)
    assert said.startswith("read-only False journal ")
    assert "journal.db: the file or its folder cannot be written" in said


def test_a_journal_in_a_folder_that_cannot_be_written_is_still_read(child, filled, path):
    filled()
    path.with_name("journal.db-lock").unlink()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    said, _ = child(OPENING, path, "verify").communicate(timeout=60)
    path.parent.chmod(0o755)
    assert said.splitlines()[0].startswith("read-only False")
    assert said.splitlines()[1] == "True"


HOLDING = """
import sys
from retinue.bus.journal.sqlite import SqliteStore
from retinue.bus.journal.testing import envelopes
store = SqliteStore(sys.argv[1])
store.append(envelopes(3))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_may_read_the_journal_but_not_write_it(child, opened, path):
    process = child(HOLDING, path)
    assert process.stdout.readline() == "held\n"
    with pytest.raises(JournalError, match=f"process {process.pid} writes it") as caught:
        opened()
    assert caught.value.kind == "locked"
    assert [event.seq for event in JournalReader(path).read()] == [1, 2, 3]
    assert verify(path).ok
    process.kill()
    process.wait(30)
    assert opened().last == 3


def test_two_stores_of_one_process_do_not_share_a_file(opened):
    opened()
    with pytest.raises(JournalError, match="only one may"):
        opened()


def test_a_file_that_a_shell_has_locked_is_waited_for_and_may_be_tried_again(opened, path):
    store = opened(busy=0.01)
    store.append(envelopes(3))
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="another program holds the file") as caught:
            store.append(envelopes(3, start=4))
        assert (caught.value.kind, caught.value.retryable) == ("locked", True)
        shell.execute("ROLLBACK")
    assert [event.seq for event in store.append(envelopes(3, start=4))] == [4, 5, 6]


def test_a_schema_from_the_future_is_refused_by_its_number(filled, opened, tamper):
    path = filled()
    tamper(path, f"UPDATE meta SET value = {VERSION + 41}")
    rule = f"version {VERSION + 41}, and this Retinue knows up to {VERSION}"
    for use in (opened, lambda: JournalReader(path), lambda: verify(path)):
        with pytest.raises(JournalError, match=rule) as caught:
            use()
        assert caught.value.kind == "schema"
        assert "\n" not in str(caught.value)


def test_a_database_of_something_else_is_refused_and_left_alone(path, opened, tamper):
    tamper(path, "CREATE TABLE bookmarks (url)")
    with pytest.raises(JournalError, match="database of something else"):
        opened()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]


def test_a_file_that_is_no_database_is_refused(path, opened):
    path.write_bytes(b"not a database at all" * 1_000)
    with pytest.raises(JournalError, match="no journal, or its start is damaged") as caught:
        opened()
    assert (caught.value.kind, caught.value.retryable) == ("corrupt", False)


def test_a_missing_folder_is_refused_by_name(tmp_path):
    from retinue.bus.journal.sqlite import SqliteStore

    with pytest.raises(JournalError, match="see that the folder exists") as caught:
        SqliteStore(tmp_path / "nowhere" / "journal.db")
    assert caught.value.kind == "missing"


def test_a_damaged_page_is_an_error_to_readers_and_a_finding_to_verify(filled, path):
    filled(groups=300)
    content = bytearray(path.read_bytes())
    page = content.index(b"m-1500task") // 8_192
    content[page * 8_192 : page * 8_192 + 64] = b"\xa5" * 64
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"damaged.*retinue verify") as caught:
        list(JournalReader(path).read())
    assert caught.value.kind == "corrupt"
    report = verify(path)
    assert {finding.kind for finding in report.findings} == {"page"}
    assert any(f.first <= 1_500 <= f.last and f.last - f.first < 300 for f in report.findings)


def test_events_cut_from_the_end_are_noticed_before_more_are_written(filled, opened, tamper):
    path = filled()
    tamper(path, "DELETE FROM events WHERE seq > 290")
    with pytest.raises(JournalError, match="events end at 290, but their hash chain at 300"):
        opened()
    tamper(path, "DELETE FROM events")
    with pytest.raises(JournalError, match="events end at 0, but their hash chain at 300"):
        opened()

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from retinue.bus.errors import InvalidInput, JournalError, KernelClosed
from retinue.bus.journal.notes import NoteStore


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    opened = NoteStore(tmp_path / "notes.db" if request.param == "file" else None)
    yield opened
    opened.close()


def test_a_note_is_found_by_its_key_and_replaced(store):
    store.put("a", "k", "one", 1.0)
    store.put("a", "k", "two", 2.0)
    assert (store.get("a", "k").text, store.get("a", "k").time) == ("two", 2.0)
    assert store.search("a", "one", 10) == []
    assert [note.key for note in store.search("a", "two", 10)] == ["k"]
    assert store.delete("a", "k") is True
    assert store.delete("a", "k") is False
    assert store.get("a", "k") is None
    assert store.search("a", "two", 10) == []


def test_each_owner_has_its_own(store):
    store.put("a", "k", "words of a", 1.0)
    store.put("b", "k", "words of b", 1.0)
    assert store.get("b", "k").text == "words of b"
    assert [note.text for note in store.search("a", "words", 10)] == ["words of a"]
    store.delete("a", "k")
    assert store.keys("a", "", 10) == []
    assert store.keys("b", "", 10) == ["k"]


def test_the_best_fit_comes_first_and_keys_count_as_words(store):
    store.put("a", "cats", "they purr", 1.0)
    store.put("a", "dogs", "they bark at cats, and cats run", 1.0)
    store.put("a", "fish", "silent", 1.0)
    assert {note.key for note in store.search("a", "CATS purr", 10)} == {"cats", "dogs"}
    assert store.search("a", "cats purr", 1)[0].key == "cats"


@pytest.mark.parametrize(
    "query",
    ['"', "a OR", "NEAR(", "text:x", "*", "x*", "'; DROP TABLE notes; --", "\0", "{a}", "-x"],
)
def test_a_query_is_words_and_never_a_language(store, query):
    store.put("a", "k", "plain", 1.0)
    assert store.search("a", query, 10) in ([], store.search("a", "plain", 10))
    assert store.get("a", "k").text == "plain"


def test_keys_are_listed_by_their_beginning_whatever_they_hold(store):
    for key in ("a%", "ab", "a_c", "b"):
        store.put("o", key, "x", 1.0)
    assert store.keys("o", "a%", 10) == ["a%"]
    assert store.keys("o", "a", 2) == ["a%", "a_c"]


def test_an_owner_keeps_so_many_notes_of_so_many_bytes():
    store = NoteStore(most=3, most_bytes=100)
    for n in range(3):
        store.put("a", str(n), "x", 1.0)
    with pytest.raises(InvalidInput, match="delete some"):
        store.put("a", "3", "x", 1.0)
    store.put("a", "2", "other", 1.0)
    with pytest.raises(InvalidInput, match="delete some"):
        store.put("a", "2", "x" * 200, 1.0)
    assert store.get("a", "2").text == "other"
    store.put("b", "3", "x", 1.0)


def test_threads_share_it(store):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.put("a", f"k{n}", "x", 1.0), range(100)))
    assert len(store.keys("a", "", 1000)) == 100


def test_what_was_kept_survives_kill_9(tmp_path):
    code = (
        "import sys, pathlib; from retinue.bus.journal.notes import NoteStore\n"
        "store = NoteStore(pathlib.Path(sys.argv[1])); store.put('a', 'k', 'kept', 1.0)\n"
        "print('kept', flush=True); sys.stdin.read()"
    )
    path = tmp_path / "notes.db"
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout.readline() == b"kept\n"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    again = NoteStore(path)
    assert again.get("a", "k").text == "kept"
    again.close()


def test_a_file_that_is_none_and_a_store_that_is_closed_say_so(tmp_path):
    path = tmp_path / "notes.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(JournalError, match=r"notes\.db"):
        NoteStore(path).get("a", "k")
    closed = NoteStore()
    closed.close()
    closed.close()
    with pytest.raises(KernelClosed):
        closed.get("a", "k")


def test_any_sqlite_shell_reads_it(tmp_path):
    store = NoteStore(tmp_path / "notes.db")
    store.put("a", "k", "text", 1.0)
    with sqlite3.connect(tmp_path / "notes.db") as other:
        assert other.execute("SELECT owner, key, text FROM notes").fetchall() == [
            ("a", "k", "text")
        ]
    other.close()
    store.close()

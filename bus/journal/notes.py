"""Notes by key, searchable and bounded, each owner's apart: one SQLite file, or memory."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ..errors import InvalidInput, KernelClosed
from .faults import fault
from .files import make_private, open_writer

__all__ = ["Note", "NoteStore"]

MAX_TEXT = 64 * 1024
MAX_KEY = 256
MAX_NOTES = 10_000
MAX_BYTES = 16 << 20
"""Of one owner's notes, keys and texts together as UTF-8."""
_WORDS = re.compile(r"\w+")
_MAX_WORDS = 32
_TABLES = (
    """CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, owner TEXT NOT NULL,
  key TEXT NOT NULL, text TEXT NOT NULL, bytes INTEGER NOT NULL, time REAL NOT NULL,
  UNIQUE (owner, key)) STRICT""",
    "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text, tokenize='unicode61')",
)


class Note(msgspec.Struct, frozen=True):
    """A text under a key; ``time`` of its last change, in seconds since the epoch."""

    key: str
    text: str
    time: float


class NoteStore:
    """Any thread may use it; each change is committed when its method returns.

    Raises ``JournalError`` when the file cannot be used, ``KernelClosed`` after ``close``.
    """

    def __init__(
        self, path: Path | None = None, most: int = MAX_NOTES, most_bytes: int = MAX_BYTES
    ) -> None:
        """The file is made at the first use, mode 0600; ``None`` keeps notes in memory.

        An owner keeps ``most`` notes of ``most_bytes`` together.
        """
        self._most, self._most_bytes = most, most_bytes
        self._path = path
        self._lock = threading.Lock()
        self._closed = False
        self._db: sqlite3.Connection | None = None

    def put(self, owner: str, key: str, text: str, now: float) -> None:
        """Keep a text under a key, in the place of what was there.

        Raises ``InvalidInput`` for one that is too long, and when the owner has too much.
        """
        size = _checked(key, text)
        with self._changing() as db:
            db.execute(_FORGET_WORDS, (owner, key))
            db.execute("DELETE FROM notes WHERE owner = ? AND key = ?", (owner, key))
            count, kept = db.execute(
                "SELECT count(*), coalesce(sum(bytes), 0) FROM notes WHERE owner = ?", (owner,)
            ).fetchone()
            if count >= self._most or kept + size > self._most_bytes:
                raise InvalidInput(
                    f"{owner} keeps {count:,} notes of {kept:,} bytes; {self._most:,} of "
                    f"{self._most_bytes:,} bytes is the limit: delete some"
                )
            row = (owner, key, text, size, now)
            made = db.execute(
                "INSERT INTO notes (owner, key, text, bytes, time) VALUES (?, ?, ?, ?, ?)", row
            )
            db.execute(
                "INSERT INTO words (rowid, text) VALUES (?, ?)", (made.lastrowid, f"{key} {text}")
            )

    def get(self, owner: str, key: str) -> Note | None:
        """The note under a key, if there is one."""
        with self._reading() as db:
            row = db.execute(
                "SELECT key, text, time FROM notes WHERE owner = ? AND key = ?", (owner, key)
            ).fetchone()
        return None if row is None else Note(*row)

    def delete(self, owner: str, key: str) -> bool:
        """Forget it; whether it was there."""
        with self._changing() as db:
            db.execute(_FORGET_WORDS, (owner, key))
            gone = db.execute("DELETE FROM notes WHERE owner = ? AND key = ?", (owner, key))
            return gone.rowcount > 0

    def keys(self, owner: str, prefix: str, limit: int) -> list[str]:
        """Keys that begin with ``prefix``, in order."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT key FROM notes WHERE owner = ? AND substr(key, 1, ?) = ? "
                "ORDER BY key LIMIT ?",
                (owner, len(prefix), prefix, limit),
            ).fetchall()
        return [key for (key,) in rows]

    def search(self, owner: str, query: str, limit: int) -> list[Note]:
        """Notes that hold any word of the query, the best fit first."""
        words = _WORDS.findall(query)[:_MAX_WORDS]
        if not words:
            return []
        match = " OR ".join(f'"{word}"' for word in words)
        with self._reading() as db:
            rows = db.execute(
                "SELECT n.key, n.text, n.time FROM words JOIN notes n ON n.id = words.rowid "
                "WHERE words MATCH ? AND n.owner = ? ORDER BY rank LIMIT ?",
                (match, owner, limit),
            ).fetchall()
        return [Note(*row) for row in rows]

    def close(self) -> None:
        """Close the file. Safe to repeat."""
        with self._lock:
            if not self._closed:
                self._closed = True
                if self._db is not None:
                    self._db.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors():
            if self._closed:
                raise KernelClosed("the kernel is closed: it keeps no more notes")
            if self._db is None:
                self._db = self._opened()
            yield self._db

    def _opened(self) -> sqlite3.Connection:
        if self._path is None:
            db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        else:
            make_private(self._path)
            db = open_writer(self._path, "FULL", 5.0)
        for table in _TABLES:
            db.execute(table)
        return db

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise fault(error, self._path or Path(":memory:")) from error


_FORGET_WORDS = """DELETE FROM words WHERE rowid IN
  (SELECT id FROM notes WHERE owner = ? AND key = ?)"""


def _checked(key: str, text: str) -> int:
    """The bytes of a note that may be kept."""
    if not 0 < len(key) <= MAX_KEY or not key.isprintable():
        raise InvalidInput(f"a note's key has 1 to {MAX_KEY} printable characters")
    try:
        size = len(key.encode()) + len(text.encode())
    except UnicodeEncodeError:
        raise InvalidInput(f"note {key!r}: its text is no Unicode") from None
    if size > MAX_TEXT:
        raise InvalidInput(f"note {key!r} has {size:,} bytes; {MAX_TEXT:,} is the limit")
    return size

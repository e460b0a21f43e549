"""The tables of a journal file, their version, and the way from each version to the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from .blocks import BlockFiller
from .chain import COLUMNS, GENESIS, MAX_LINK, Row, seal
from .faults import foreign

__all__ = [
    "INSERT_BLOCK",
    "INSERT_LINK",
    "MIGRATIONS",
    "SELECT",
    "VERSION",
    "identity",
    "migrate",
    "refuse_future",
    "version_of",
]

VERSION = 1

# No affinity for the numbers: an int that was given as a time comes back as an int.
_EVENTS = """CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL, type TEXT NOT NULL, time NOT NULL, body TEXT NOT NULL,
  run TEXT NOT NULL, task TEXT NOT NULL, agent TEXT NOT NULL,
  sender TEXT NOT NULL, cause TEXT NOT NULL, trace TEXT NOT NULL, deadline)"""
_BESIDE = (
    "CREATE TABLE links (last INTEGER PRIMARY KEY, hash BLOB NOT NULL, sums BLOB NOT NULL)",
    "CREATE TABLE blocks (block INTEGER PRIMARY KEY, types TEXT NOT NULL, names BLOB NOT NULL)",
    "CREATE TABLE readers (name TEXT PRIMARY KEY, cursor INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
)

_selected = ", ".join("CAST(body AS BLOB)" if name == "body" else name for name in COLUMNS)

SELECT = f"SELECT seq, {_selected} FROM events"  # noqa: S608  # names of columns
INSERT_LINK = "INSERT INTO links (last, hash, sums) VALUES (?, ?, ?)"
INSERT_BLOCK = "INSERT INTO blocks (block, types, names) VALUES (?, ?, ?)"


def version_of(connection: sqlite3.Connection, path: Path) -> int | None:
    """The version of the file; ``None`` for an empty one, 0 for a table of events and no more.

    Raises ``JournalError`` for a database that is no journal.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not tables:
        return None
    if "events" not in tables:
        raise foreign(path, "it is a database of something else", "give another state folder")
    if "meta" not in tables:
        return 0
    found = connection.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
    if found is None or not isinstance(found[0], int):
        raise foreign(path, "its table meta has no version", "restore it from a copy")
    return found[0]


def refuse_future(version: int, path: Path) -> None:
    """Raise ``JournalError`` for a version that a later Retinue wrote."""
    if version > VERSION:
        what = f"its schema has version {version}, and this Retinue knows up to {VERSION}"
        raise foreign(path, what, "use the Retinue that wrote it, or a later one", kind="schema")


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to ``VERSION``, each step in a transaction of its own."""
    version = version_of(connection, path)
    if version is None:
        _step(connection, _create, VERSION)
        return
    refuse_future(version, path)
    for number in range(version, VERSION):
        _step(connection, MIGRATIONS[number], number + 1)


def identity(connection: sqlite3.Connection, new: Callable[[], str]) -> str:
    """What the journal is known by; chosen now for one that has nothing of the kind."""
    found = connection.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()
    if found is None:
        found = (new(),)
        connection.execute("INSERT INTO meta VALUES ('identity', ?)", found)
    return str(found[0])


def _step(
    connection: sqlite3.Connection, change: Callable[[sqlite3.Connection], None], version: int
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        change(connection)
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('version', ?)", (version,))
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _create(connection: sqlite3.Connection) -> None:
    for statement in (_EVENTS, *_BESIDE):
        connection.execute(statement)


def _seal_all(connection: sqlite3.Connection) -> None:
    """0 to 1: events alone, as written before there was a chain, get their links and their index."""
    for statement in _BESIDE:
        connection.execute(statement)
    head, filler = GENESIS, BlockFiller()
    for rows in _batches(connection.execute(f"{SELECT} ORDER BY seq")):
        head = seal(head, rows)
        connection.execute(INSERT_LINK, head)
        connection.executemany(INSERT_BLOCK, filler.add(rows))


def _batches(rows: Iterator[Row]) -> Iterator[Sequence[Row]]:
    while batch := [row[1:] for row in islice(rows, MAX_LINK)]:
        yield batch


MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {0: _seal_all}
"""From each version to the next; none is ever taken out."""

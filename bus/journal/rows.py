"""Rows into the table of events, many with one statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain

from .chain import COLUMNS, Row

__all__ = ["insert_rows"]

_SIZES = (64, 16, 4, 1)
"""Rows in one statement. The driver gives the interpreter's lock away twice for each, and where
other threads compute it gets it back after milliseconds: beside one such thread, a row took 120 µs
in a statement of its own, and takes 14 among others."""

_names = ", ".join(COLUMNS)
_bound = ", ".join("CAST(? AS TEXT)" if name == "body" else "?" for name in COLUMNS)

_FIRST = f"INSERT INTO events (seq, {_names}) VALUES (?, {_bound})"  # noqa: S608  # names of columns
_NEXT = {
    size: f"INSERT INTO events ({_names}) VALUES {', '.join([f'({_bound})'] * size)}"  # noqa: S608
    for size in _SIZES
}
"""With the next ``seq``: SQLite's own numbering, a twentieth less work than being told it."""


def insert_rows(connection: sqlite3.Connection, first: int, rows: Sequence[Row]) -> None:
    """Insert the rows in their order; ``first`` is the ``seq`` of the first of them."""
    connection.execute(_FIRST, (first, *rows[0]))
    start, end = 1, len(rows)
    for size in _SIZES:
        until = start + (end - start) // size * size
        if until > start:
            groups = (rows[at : at + size] for at in range(start, until, size))
            connection.executemany(_NEXT[size], map(_flat, groups))
            start = until


def _flat(rows: Sequence[Row]) -> Row:
    return tuple(chain.from_iterable(rows))

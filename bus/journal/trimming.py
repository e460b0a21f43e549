"""Carrying a trim out: removing the oldest groups, and giving their pages back."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator

from .blocks import BLOCK
from .chain import MAX_LINK
from .retention import Facts, Hold, Pages, Retention

__all__ = [
    "budgeted",
    "checkpoint",
    "facts_of",
    "group_end",
    "holds_on",
    "pages_of",
    "remove",
    "vacuum",
]


def facts_of(
    connection: sqlite3.Connection, bounds: Retention, now: float, first: int, last: int
) -> Facts:
    """What the bounds are compared with; looks at ages only when there is a bound on them."""
    old_until = first - 1
    if bounds.max_age is not None:
        sql = "SELECT seq FROM events WHERE time >= ? ORDER BY seq LIMIT 1"
        young = connection.execute(sql, (now - bounds.max_age,)).fetchone()
        old_until = last if young is None else young[0] - 1
    return Facts(first, last, pages_of(connection).used_bytes, old_until)


def pages_of(connection: sqlite3.Connection) -> Pages:
    """How large the file is; without what its log has yet to write back."""
    names = ("page_count", "freelist_count", "page_size")
    return Pages(*(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names))


def budgeted(cut: int, first: int, budget: int) -> int:
    """At most ``budget`` events at once, yet one whole group at least."""
    return min(cut, first - 1 + max(budget, MAX_LINK))


def holds_on(
    connection: sqlite3.Connection, cut: int, live_runs: Collection[str]
) -> Iterator[Hold]:
    """The live runs and registered readers that need an event up to ``cut``."""
    live = frozenset(live_runs)
    if live:
        sql = "SELECT run, min(seq) FROM events WHERE seq <= ? GROUP BY run"
        for run, first in connection.execute(sql, (cut,)):
            if run in live:
                yield Hold(f"run {run}", first)
    for name, cursor in connection.execute(
        "SELECT name, cursor FROM readers WHERE cursor < ?", (cut,)
    ):
        yield Hold(f"reader {name}", cursor + 1)


def group_end(connection: sqlite3.Connection, cut: int) -> int:
    """The end of the last group that lies below the cut as a whole: a chain is cut between links."""
    sql = "SELECT coalesce(max(last), 0) FROM links WHERE last <= ?"
    return int(connection.execute(sql, (cut,)).fetchone()[0])


def remove(connection: sqlite3.Connection, cut: int) -> int:
    """Remove the events up to ``cut``; their last link stays, for the next to follow from."""
    removed = connection.execute("DELETE FROM events WHERE seq <= ?", (cut,)).rowcount
    connection.execute("DELETE FROM links WHERE last < ?", (cut,))
    connection.execute("DELETE FROM blocks WHERE (block + 1) * ? <= ?", (BLOCK, cut))
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('trimmed', ?)", (cut,))
    return removed


def vacuum(connection: sqlite3.Connection, pages: int) -> int:
    """Give up to ``pages`` free pages back to the file system; returns how many are left.

    A transaction of its own: each step frees one page, and only ``executescript`` takes them all.
    """
    connection.executescript(f"PRAGMA incremental_vacuum({int(pages)})")
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


def checkpoint(connection: sqlite3.Connection) -> bool:
    """Write the log back as far as readers allow, waiting for none; true when it is all back."""
    _busy, logged, done = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return bool(logged == done)

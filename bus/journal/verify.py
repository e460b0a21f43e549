"""Checking a whole journal against its hash chain, its numbers and its index."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from . import schema
from .chain import GENESIS, Link
from .diagnosis import joined
from .faults import fault
from .files import open_reader
from .findings import Finding, VerifyReport
from .index_check import IndexCheck
from .link_check import LinkCheck
from .reader import JournalReader

__all__ = ["verify"]

MAX_FINDINGS = 100
_BATCH = 4_096
_LINKS = "SELECT last, hash, sums FROM links"

Progress = Callable[[int, int], None]


def verify(
    path: Path | str, progress: Progress | None = None, anchor: tuple[int, str] | None = None
) -> VerifyReport:
    """Check every event of the file at ``path``, with or without a kernel that writes it.

    Finds changed, missing, added, swapped and moved events, and says where. ``progress`` is called
    with how many events are behind it, and how many there are; ``anchor`` is the ``last`` and ``head``
    of an earlier report that was kept elsewhere. Without one it cannot be seen that somebody who may
    write the file rewrote it from some event to the end, links and sums included; dropped the newest
    events with their links (as deleting the ``-wal`` file of a killed kernel does); or cut the oldest
    and noted that as a trim.

    Raises ``JournalError`` when the file cannot be opened as a journal at all.
    """
    path = Path(path)
    JournalReader(path).close()  # it checks the version, and that this is a journal
    connection = open_reader(path)
    try:
        connection.execute("BEGIN")  # one picture of it, whatever a kernel commits meanwhile
        return _report(connection, progress, anchor)
    except sqlite3.Error as error:
        raise fault(error, path) from error
    finally:
        connection.close()


def _report(
    connection: sqlite3.Connection, progress: Progress | None, anchor: tuple[int, str] | None
) -> VerifyReport:
    start, findings = _start(connection)
    check, index = LinkCheck(start), IndexCheck(start.last)
    until = _one(connection, "SELECT coalesce(max(last), 0) FROM links")[0] - start.last
    for links in _batches(connection, start.last):
        for link, found, unreadable in _with_rows(connection, check.head.last, links):
            if unreadable:
                check.skip(link, unreadable)
                continue
            rows = [row[1:] for row in found]
            check.take(link, [row[0] for row in found], rows)
            index.saw(rows)
        if progress is not None:
            progress(check.head.last - start.last, until)
    findings += check.findings()
    findings += _strays(connection, start.last, check.head.last)
    findings += _unlike(connection, check.head, anchor)
    findings += _pages(connection, start.last + 1, check.head.last)
    findings = findings or index.findings(connection, check.head.last)
    findings = joined(sorted(findings, key=lambda finding: finding.first))
    return VerifyReport(
        start.last + 1,
        check.head.last,
        check.events,
        check.head.hash.hex(),
        tuple(findings[:MAX_FINDINGS]),
        max(0, len(findings) - MAX_FINDINGS),
    )


def _start(connection: sqlite3.Connection) -> tuple[Link, list[Finding]]:
    """What the oldest event is chained to: the last link that a trim left, or nothing."""
    (trimmed,) = _one(connection, "SELECT coalesce(max(value), 0) FROM meta WHERE key = 'trimmed'")
    if not trimmed:
        return GENESIS, []
    found = _one(connection, f"{_LINKS} WHERE last = ?", trimmed)
    if found is None:
        gone = Finding("link", trimmed, trimmed, "the seal of what was trimmed is gone")
        return GENESIS._replace(last=trimmed), [gone]
    return _link(*found), []


def _link(last: int, digest: object, sums: object) -> Link:
    """As it was written; what is damaged so that it is no bytes seals nothing."""
    if isinstance(digest, bytes) and isinstance(sums, bytes):
        return Link(last, digest, sums)
    return Link(last, b"", b"")


def _batches(connection: sqlite3.Connection, after: int) -> Iterator[list[Link]]:
    batch: list[Link] = []
    for row in connection.execute(f"{_LINKS} WHERE last > ? ORDER BY last", (after,)):
        batch.append(_link(*row))
        if batch[-1].last - after >= _BATCH:
            yield batch
            after, batch = batch[-1].last, []
    if batch:
        yield batch


def _with_rows(
    connection: sqlite3.Connection, after: int, links: Sequence[Link]
) -> Iterator[tuple[Link, Sequence[Any], str]]:
    """Each link with its rows, or with the reason why they cannot be read."""
    try:
        rows = _rows(connection, after, links[-1].last)
    except sqlite3.DatabaseError:
        yield from _one_by_one(connection, after, links)
        return
    start = 0
    for link in links:
        end = bisect_right(rows, link.last, lo=start, key=itemgetter(0))
        yield link, rows[start:end], ""
        start = end


def _one_by_one(
    connection: sqlite3.Connection, after: int, links: Sequence[Link]
) -> Iterator[tuple[Link, Sequence[Any], str]]:
    """Where a page is damaged, or a text is none: lose one group, not the batch."""
    connection.text_factory = _lenient
    for link in links:
        try:
            yield link, _rows(connection, after, link.last), ""
        except sqlite3.DatabaseError as error:
            yield link, (), f"the database cannot read them ({error})"
        after = link.last
    connection.text_factory = str


def _strays(connection: sqlite3.Connection, first: int, last: int) -> list[Finding]:
    """Events outside of every link."""
    bounds = "SELECT min(seq), max(seq) FROM events WHERE seq"
    outside = (_one(connection, f"{bounds} <= ?", first), _one(connection, f"{bounds} > ?", last))
    return [
        Finding("added", low, high, "put in beyond the end of the chain")
        for low, high in outside
        if low is not None
    ]


def _unlike(
    connection: sqlite3.Connection, head: Link, anchor: tuple[int, str] | None
) -> list[Finding]:
    """What a head that was noted earlier shows."""
    if anchor is None:
        return []
    last, noted = anchor
    if last > head.last:
        return [Finding("missing", head.last + 1, last, "cut out, with their seals")]
    found = _one(connection, "SELECT hash FROM links WHERE last = ?", last)
    if found is not None and found[0].hex() == noted:
        return []
    return [Finding("content", 1, last, "the chain was rewritten since its head was noted")]


def _pages(connection: sqlite3.Connection, first: int, last: int) -> list[Finding]:
    """What the database says of its own pages."""
    try:
        said = [text for (text,) in connection.execute("PRAGMA quick_check(10)") if text != "ok"]
    except sqlite3.DatabaseError as error:
        said = [str(error)]
    return [Finding("page", first, last, text) for text in said]


def _rows(connection: sqlite3.Connection, after: int, until: int) -> list[Any]:
    sql = f"{schema.SELECT} WHERE seq > ? AND seq <= ? ORDER BY seq"
    return connection.execute(sql, (after, until)).fetchall()


def _one(connection: sqlite3.Connection, sql: str, *values: object) -> Any:
    return connection.execute(sql, values).fetchone()


def _lenient(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")

"""Checking some events of a journal against its hash chain, without reading the others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from . import schema
from .chain import GENESIS, MAX_LINK, Link
from .faults import fault
from .files import open_reader
from .findings import Finding
from .link_check import LinkCheck

__all__ = ["spot_check"]

_LINK = "SELECT last, hash, sums FROM links WHERE"


def spot_check(path: Path | str, seqs: Iterable[int]) -> list[Finding]:
    """What is wrong with these events, each by the link that seals it and its group.

    Says nothing of other groups: ``verify`` looks at all. Raises ``JournalError`` when the file
    cannot be read.
    """
    path = Path(path)
    connection = open_reader(path)
    try:
        connection.execute("BEGIN")
        return [found for link in _links(connection, seqs) for found in _check(connection, link)]
    except sqlite3.Error as error:
        raise fault(error, path) from error
    finally:
        connection.close()


def _links(connection: sqlite3.Connection, seqs: Iterable[int]) -> Iterator[Link]:
    """The links that seal these events, each once."""
    found = (
        connection.execute(f"{_LINK} last >= ? ORDER BY last LIMIT 1", (seq,)).fetchone()
        for seq in sorted(seqs)
    )
    for row, _ in groupby(found):
        if row is not None:
            yield Link(*row)


def _check(connection: sqlite3.Connection, link: Link) -> list[Finding]:
    before = connection.execute(
        f"{_LINK} last < ? ORDER BY last DESC LIMIT 1", (link.last,)
    ).fetchone()
    check = LinkCheck(GENESIS if before is None else Link(*before))
    rows = connection.execute(
        f"{schema.SELECT} WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
        (check.head.last, link.last, MAX_LINK + 1),
    ).fetchall()
    check.take(link, [row[0] for row in rows], [row[1:] for row in rows])
    return check.findings()

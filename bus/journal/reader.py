"""Reading a journal file, beside its writer or without one."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from ..envelope import Envelope, Event
from . import schema
from .blocks import block_of, spans
from .chain import COLUMNS, GENESIS
from .faults import fault, foreign
from .files import open_reader
from .query import Query
from .snapshots import Snapshots
from .store import Filter

__all__ = ["JournalReader"]

MAX_IDLE = 4
CHUNK_ROWS = 4_096
CHUNK_BYTES = 4 << 20
_FIRST_ROWS = 64  # then four times as many each: who wants one event does not wait for 4,096
_STEP = 32  # rows between two looks at their size: it overshoots by these at most
_BODY = 1 + COLUMNS.index("body")


class JournalReader:
    """The reading half of an ``EventStore``; any thread may use it.

    Each chunk is a short transaction of its own, on a connection from a small pool: a reader
    that stops in the middle holds nothing back, and the log can always be written back.
    """

    def __init__(self, path: Path | str) -> None:
        """Open an existing journal. Raises ``JournalError`` when it cannot be read."""
        self.path = Path(path)
        self.snapshots = Snapshots(self.path.parent / "snapshots", self.hash_at)
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False
        with self.connection() as connection:
            version = schema.version_of(connection, self.path)
        schema.refuse_future(version or 0, self.path)
        if version != schema.VERSION:
            what = f"it has {'no tables yet' if version is None else f'the old schema {version}'}"
            raise foreign(self.path, what, "start `retinue run` on it once", kind="schema")

    @property
    def first(self) -> int:
        """The oldest ``seq`` still kept; ``last + 1`` when nothing is kept."""
        first, last = self._bounds()
        return last + 1 if first is None else first

    @property
    def last(self) -> int:
        """The newest ``seq``, even when it was trimmed; 0 before the first event."""
        return self._bounds()[1]

    def read(
        self, after: int = 0, only: Filter | None = None, limit: int | None = None
    ) -> Iterator[Event]:
        """Yield what was committed when the call was made; see ``EventStore.read``."""
        return self.read_until(self.last, after, only, limit)

    def read_until(
        self, last: int, after: int = 0, only: Filter | None = None, limit: int | None = None
    ) -> Iterator[Event]:
        """Like ``read``, but up to ``last``, which must have been committed."""
        return islice(self._read(Query(only or Filter()), after, last), limit)

    def hash_at(self, seq: int) -> bytes | None:
        """The chain's hash over ``seq`` (and what was committed with it); ``None`` where none is."""
        if seq == 0:
            return GENESIS.hash
        with self.connection() as connection:
            sql = "SELECT hash FROM links WHERE last >= ? ORDER BY last LIMIT 1"
            found = connection.execute(sql, (seq,)).fetchone()
        return None if found is None else bytes(found[0])

    def load_snapshot(self, kind: str) -> tuple[int, bytes] | None:
        """The newest snapshot of that kind and its ``seq``; ``None`` when there is none that fits."""
        return self.snapshots.load(kind)

    def close(self) -> None:
        """Close the idle connections; reading still works, with one opened each time."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection of the pool for one short use; SQLite's errors become ``JournalError``."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = open_reader(self.path)
        keep = False
        try:
            yield connection
            keep = not self._closed and len(self._idle) < MAX_IDLE
        except sqlite3.Error as error:
            raise fault(error, self.path) from error
        finally:
            if keep:
                self._idle.append(connection)
            else:
                connection.close()

    def _bounds(self) -> tuple[int | None, int]:
        with self.connection() as connection:
            first, last = connection.execute(
                "SELECT (SELECT min(seq) FROM events), (SELECT max(last) FROM links)"
            ).fetchone()
        return first, last or 0

    def _read(self, query: Query, after: int, last: int) -> Iterator[Event]:
        size, begun = _FIRST_ROWS, False
        for start, until in self._spans(query, after, last):
            cursor = start
            while cursor < until:
                first, rows, reached = self._chunk(query, cursor, until, size)
                if begun and first > cursor + 1:
                    return  # trimmed meanwhile: what follows would come after a hole
                events = [Event(row[0], Envelope(*row[1:])) for row in rows]
                yield from events if query.left is None else filter(query.left, events)
                begun = begun or bool(rows)
                cursor, size = reached, min(size * 4, CHUNK_ROWS)

    def _spans(self, query: Query, after: int, last: int) -> Iterable[tuple[int, int]]:
        with self.connection() as connection:
            blocks = query.blocks(connection, block_of(after + 1))
        return [(after, last)] if blocks is None else spans(blocks, after, last)

    def _chunk(self, query: Query, after: int, until: int, size: int) -> tuple[int, list[Any], int]:
        """The oldest ``seq`` kept, rows after ``after``, and how far they are complete."""
        rows: list[Any] = []
        length, reached = 0, until
        with self.connection() as connection:
            found = connection.execute(query.sql, (after, until, *query.values))
            while part := found.fetchmany(min(size, _STEP)):
                rows += part
                length += sum([len(row[_BODY]) for row in part])
                if len(rows) >= size or length > CHUNK_BYTES:
                    reached = rows[-1][0]
                    break
            found.close()
            # Asked after the rows: a trim between the two ends a read early, and tears none.
            (first,) = connection.execute("SELECT min(seq) FROM events").fetchone()
        return after + 1 if first is None else first, rows, reached

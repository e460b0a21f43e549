"""The durable store: one SQLite file, one row an event, one transaction a group."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ..envelope import Envelope, Event
from ..errors import JournalError, KernelClosed
from . import schema
from .blocks import BlockFiller, unfilled
from .chain import GENESIS, Link, Row, rows_of, seals
from .faults import fault, foreign
from .files import Synchronous, WriterLock, make_private, open_writer
from .reader import JournalReader
from .store import Filter

__all__ = ["SqliteStore"]


class SqliteStore:
    """An ``EventStore`` in a file that any ``sqlite3`` shell reads, and one process writes.

    ``append`` returns after the commit: with ``FULL`` the events survive a power cut, with
    ``NORMAL`` a crash of the process. Appending belongs to one thread; the rest is safe in any.
    Reads have connections of their own and never wait for the writer.
    """

    def __init__(self, path: Path | str, synchronous: Synchronous = "FULL") -> None:
        """Open the file, or make it, mode 0600; its folder must be there.

        Raises ``JournalError`` when another process writes it, when it is damaged or from a later
        Retinue, and when the folder cannot be written.
        """
        self.path = Path(path)
        self._synchronous = synchronous
        self._lock = threading.RLock()
        self._closed = False
        self._first = 1
        self._head = GENESIS
        self._doubtful = False
        self._owner = WriterLock(self.path)
        try:
            self._open()
        except BaseException:
            self._owner.release()
            raise

    @property
    def first(self) -> int:
        """The oldest ``seq`` still kept; ``last + 1`` when nothing is kept."""
        return self._first

    @property
    def last(self) -> int:
        """The newest ``seq``; 0 before the first event."""
        return self._head.last

    @property
    def head(self) -> tuple[int, bytes]:
        """The newest ``seq`` and the hash over all up to it: note it elsewhere, for ``verify``."""
        return self._head.last, self._head.hash

    def append(self, envelopes: Sequence[Envelope]) -> Sequence[Event]:
        """Commit all of the envelopes or none, in one transaction.

        Raises ``JournalError``; when it is ``retryable``, the same envelopes may be given again once
        its cause is gone. Raises ``InvalidInput`` for a body that is not text.
        """
        with self._lock:
            if self._closed:
                raise KernelClosed(f"the journal {self.path} is closed: it takes no more events")
            if not envelopes:
                return []
            if self._doubtful:
                self._look_again()
            first = self._head.last + 1
            rows = rows_of(envelopes)
            self._commit(first, rows, list(seals(self._head, rows)))
        return list(map(Event, range(first, first + len(rows)), envelopes))

    def read(
        self, after: int = 0, only: Filter | None = None, limit: int | None = None
    ) -> Iterator[Event]:
        """Yield what was committed when the call was made; see ``EventStore.read``."""
        return self.reader.read_until(self._head.last, after, only, limit)

    def close(self) -> None:
        """Write the log back, close the file and let the next writer in; reading still works."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self.reader.close()
            self._writer.close()
            self._owner.release()

    def _open(self) -> None:
        make_private(self.path)
        self._writer = open_writer(self.path, self._synchronous)
        try:
            schema.migrate(self._writer, self.path)
            self._load()
            self.reader = JournalReader(self.path)
        except sqlite3.Error as error:
            self._writer.close()
            raise fault(error, self.path) from error
        except BaseException:
            self._writer.close()
            raise

    def _load(self) -> None:
        first, last = self._writer.execute("SELECT min(seq), max(seq) FROM events").fetchone()
        self._head = _head(self._writer)
        if last is not None and last != self._head.last:
            what = f"its events end at {last}, but their hash chain at {self._head.last}"
            raise foreign(self.path, what, "run `retinue verify`, restore it from a copy")
        self._first = self._head.last + 1 if first is None else first
        newest = f"{schema.SELECT} WHERE seq > ? ORDER BY seq"
        rows = self._writer.execute(newest, (unfilled(self._head.last),)).fetchall()
        self._filler = BlockFiller(self._head.last, [row[1:] for row in rows])
        self._doubtful = False

    def _commit(self, first: int, rows: list[Row], links: list[Link]) -> None:
        writer = self._writer
        self._doubtful = True  # until the end of this method
        try:
            writer.execute("BEGIN IMMEDIATE")
            writer.execute(schema.INSERT_AT, (first, *rows[0]))
            writer.executemany(schema.INSERT_NEXT, rows[1:])
            writer.executemany(schema.INSERT_LINK, links)
            if filled := self._filler.add(rows):
                writer.executemany(schema.INSERT_BLOCK, filled)
            writer.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if isinstance(error, sqlite3.Error):
                raise fault(error, self.path) from error
            raise
        self._head = links[-1]
        self._doubtful = False

    def _roll_back(self) -> None:
        # It may have ended with the error; what then holds is read before the next one.
        with suppress(sqlite3.Error):
            self._writer.rollback()

    def _look_again(self) -> None:
        """After a failure, continue only from what the file itself says is the newest event."""
        expected = self._head.last
        try:
            self._load()
        except sqlite3.Error as error:
            raise fault(error, self.path) from error
        if self._head.last != expected:
            self._doubtful = True
            raise JournalError(
                f"journal {self.path}: a group whose commit failed at {expected} is there after all, up"
                f" to {self._head.last}; start again, so that the kernel reads it",
                kind="io",
                retryable=False,
            )


def _head(connection: sqlite3.Connection) -> Link:
    newest = "SELECT last, hash, sums FROM links ORDER BY last DESC LIMIT 1"
    found = connection.execute(newest).fetchone()
    return Link(*found) if found else GENESIS

"""The durable store: one SQLite file, one row an event, one transaction a group."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from ..envelope import Envelope, Event
from ..errors import JournalError, KernelClosed
from . import schema, trimming
from .blocks import BlockFiller, unfilled
from .chain import GENESIS, Link, Row, rows_of, seals
from .faults import fault, foreign
from .files import BUSY, Synchronous, WriterLock, make_private, open_writer
from .reader import JournalReader
from .retention import Facts, Hold, Pages, Retention, TrimReport, decide, wanted_cut
from .rows import insert_rows
from .store import Filter, new_identity

__all__ = ["SqliteStore"]

# One aggregate each: SQLite looks up a lone min or max, and scans the table for two at once.
_BOUNDS = """SELECT (SELECT min(seq) FROM events), coalesce(
  (SELECT max(seq) FROM events), (SELECT value FROM meta WHERE key = 'trimmed'), 0)"""


class SqliteStore:
    """An ``EventStore`` in a file that any ``sqlite3`` shell reads, and one process writes.

    ``append`` returns after the commit: with ``FULL`` the events survive a power cut, with
    ``NORMAL`` a crash of the process. Appending belongs to one thread; the rest is safe in any.
    Reads have connections of their own and never wait for the writer.
    """

    def __init__(
        self, path: Path | str, synchronous: Synchronous = "FULL", busy: float = BUSY
    ) -> None:
        """Open the file, or make it, mode 0600; its folder must be there.

        A commit waits up to ``busy`` seconds for a database shell that has locked the file.

        Raises ``JournalError`` when another process writes it, when it is damaged or from a later
        Retinue, and when the folder cannot be written.
        """
        self.path = Path(path)
        self._lock = threading.RLock()
        self._closed = False
        self._synchronous = synchronous
        self._first = 1
        self._head = GENESIS
        self._doubtful = False
        self._owner = WriterLock(self.path)
        try:
            self._open(busy)
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
            self._ready()
            if not envelopes:
                return []
            first = self._head.last + 1
            rows = rows_of(envelopes)
            self._commit(first, rows, list(seals(self._head, rows)))
        return list(map(Event, range(first, first + len(rows)), envelopes))

    def read(
        self, after: int = 0, only: Filter | None = None, limit: int | None = None
    ) -> Iterator[Event]:
        """Yield what was committed when the call was made; see ``EventStore.read``."""
        return self.reader.read_until(self._head.last, after, only, limit)

    def trim(
        self,
        bounds: Retention,
        now: float,
        live_runs: Collection[str] = (),
        *,
        pass_holds: bool = False,
        budget: int = 20_000,
    ) -> TrimReport:
        """Remove what is over the bounds, whole groups from the old end, ``budget`` events at most.

        It stops before the first event of a live run, and at the cursor of a registered reader; with
        ``pass_holds`` it goes on and says whom it passed. ``now`` is seconds since the epoch.
        """
        with self._writing() as writer:
            facts = self._facts(writer, bounds, now)
            wanted = wanted_cut(bounds, facts)
            step = trimming.group_end(writer, trimming.budgeted(wanted, self._first, budget))
            holds = trimming.holds_on(writer, step, live_runs)
            cut, held, passed = decide(step, holds, pass_holds=pass_holds)
            cut = trimming.group_end(writer, cut)
            removed = trimming.remove(writer, cut) if cut >= self._first else 0
        self._first = max(self._first, cut + 1)
        more = not held and removed > 0 and step < wanted
        passed = passed if removed else ()
        return TrimReport(self._first, removed, tuple(held), tuple(passed), more)

    def wanted(self, bounds: Retention, now: float) -> int:
        """Up to which ``seq`` the bounds ask to remove; reads beside the writer, in any thread."""
        with self.reader.connection() as connection:
            return wanted_cut(bounds, self._facts(connection, bounds, now))

    def boundary(self, seq: int) -> int:
        """The end of the last group that lies up to ``seq`` as a whole: where it can be cut."""
        with self.reader.connection() as connection:
            return trimming.group_end(connection, seq)

    def holds(self, cut: int, live_runs: Collection[str]) -> list[Hold]:
        """The live runs and registered readers that need an event up to ``cut``."""
        with self.reader.connection() as connection:
            return list(trimming.holds_on(connection, cut, live_runs))

    def cut(self, until: int, budget: int = 1_000) -> int:
        """Remove whole groups up to ``until``, about ``budget`` events at most; returns how many.

        It asks nobody: what the events told has to be kept elsewhere, such as in a checkpoint.
        """
        with self._writing() as writer:
            cut = trimming.group_end(writer, trimming.budgeted(until, self._first, budget))
            removed = trimming.remove(writer, cut) if cut >= self._first else 0
        self._first = max(self._first, cut + 1)
        return removed

    def pages(self) -> Pages:
        """How large the file is, and how much of it is free."""
        with self.reader.connection() as connection:
            return trimming.pages_of(connection)

    def compact(self, pages: int = 1_000) -> int:
        """Give up to ``pages`` free pages back and write the log back; returns how many are left."""
        left = self.vacuum(pages)
        self.write_back()
        return left

    def vacuum(self, pages: int) -> int:
        """Give up to ``pages`` free pages back; returns how many are left.

        The file is shorter once its log is written back.
        """
        with self._lock, self._translated():
            self._ready()
            return trimming.vacuum(self._writer, pages)

    def write_back(self) -> None:
        """Write the log back beside the writer, which goes on meanwhile; any thread may."""
        with self._translated(), closing(open_writer(self.path, self._synchronous, BUSY)) as own:
            trimming.checkpoint(own)

    def register_reader(self, name: str, cursor: int) -> None:
        """Note that a reader has everything up to ``cursor``: no trim goes beyond it unasked."""
        with self._writing() as writer:
            writer.execute("INSERT OR REPLACE INTO readers VALUES (?, ?)", (name, cursor))

    def forget_reader(self, name: str) -> None:
        """The reader needs nothing more; one that is not registered is no error."""
        with self._writing() as writer:
            writer.execute("DELETE FROM readers WHERE name = ?", (name,))

    def readers(self) -> dict[str, int]:
        """The registered readers and their cursors."""
        with self.reader.connection() as connection:
            return dict(connection.execute("SELECT name, cursor FROM readers"))

    def save_snapshot(self, kind: str, seq: int, data: bytes) -> None:
        """Keep the state of ``kind`` after event ``seq``; see ``Snapshots.save``."""
        self.reader.snapshots.save(kind, seq, data)

    def load_snapshot(self, kind: str) -> tuple[int, bytes] | None:
        """The newest snapshot of that kind and its ``seq``; ``None`` when there is none that fits."""
        return self.reader.load_snapshot(kind)

    def close(self) -> None:
        """Write the log back, close the file and let the next writer in; reading still works."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self.reader.close()
            self._writer.close()
            self._owner.release()

    def _facts(self, connection: sqlite3.Connection, bounds: Retention, now: float) -> Facts:
        return trimming.facts_of(connection, bounds, now, self._first, self.last)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction of the writer's connection: all of it, or an error and nothing."""
        with self._lock, self._translated():
            self._ready()
            self._doubtful = True  # until it is known how the commit ended
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                # It may have ended with the error; what then holds is read before the next one.
                with suppress(sqlite3.Error):
                    self._writer.rollback()
                raise
            self._doubtful = False

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise fault(error, self.path) from error

    def _ready(self) -> None:
        if self._closed:
            raise KernelClosed(f"the journal {self.path} is closed: it takes no more events")
        if self._doubtful:
            self._look_again()

    def _look_again(self) -> None:
        """After a failure, go on only from what the file itself says is the newest event."""
        expected = self._head.last
        with self._translated():
            self._load()
        if self._head.last != expected:
            self._doubtful = True
            raise JournalError(
                f"journal {self.path}: a group whose commit failed after {expected} is there after all,"
                f" up to {self._head.last}; start again, so that the kernel reads it",
                kind="io",
                retryable=False,
            )

    def _open(self, busy: float) -> None:
        make_private(self.path)
        self._writer = open_writer(self.path, self._synchronous, busy)
        try:
            with self._translated():
                schema.migrate(self._writer, self.path)
                self.identity = schema.identity(self._writer, new_identity)
                self._load()
            self.reader = JournalReader(self.path)
        except BaseException:
            self._writer.close()
            raise

    def _load(self) -> None:
        first, last = self._writer.execute(_BOUNDS).fetchone()
        self._head = _head(self._writer)
        if last != self._head.last:
            what = f"its events end at {last}, but their hash chain at {self._head.last}"
            raise foreign(self.path, what, "run `retinue verify`, restore it from a copy")
        self._first = self._head.last + 1 if first is None else first
        newest = f"{schema.SELECT} WHERE seq > ? ORDER BY seq"
        rows = self._writer.execute(newest, (unfilled(self._head.last),)).fetchall()
        self._filler = BlockFiller(self._head.last, [row[1:] for row in rows])
        self._doubtful = False

    def _commit(self, first: int, rows: list[Row], links: list[Link]) -> None:
        with self._writing() as writer:
            insert_rows(writer, first, rows)
            writer.executemany(schema.INSERT_LINK, links)
            if filled := self._filler.add(rows):
                writer.executemany(schema.INSERT_BLOCK, filled)
        self._head = links[-1]


def _head(connection: sqlite3.Connection) -> Link:
    newest = "SELECT last, hash, sums FROM links ORDER BY last DESC LIMIT 1"
    found = connection.execute(newest).fetchone()
    return Link(*found) if found else GENESIS

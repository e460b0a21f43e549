"""The journal's file: making it private, opening it, and the lock that lets one writer in."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from .faults import fault, foreign, os_fault

__all__ = ["BUSY", "Synchronous", "WriterLock", "make_private", "open_reader", "open_writer"]

Synchronous = Literal["FULL", "NORMAL"]

PAGE = 8_192
CHECKPOINT_PAGES = 4_000  # 32 MB of log, then it is written back: a seventh less work than at 4
WAL_LIMIT = 64 << 20
BUSY = 5.0


class WriterLock:
    """Held while a store may write. Ends with the process, however that ends.

    It is a file of its own, since SQLite's locks would keep readers out as well, and since
    closing any descriptor of a database drops the locks that this process has on it.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock beside the journal at ``path``; raises ``JournalError`` when it is held."""
        lock = path.with_name(path.name + "-lock")
        try:
            self._file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise os_fault(error, path) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._file, 32, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            if not isinstance(error, BlockingIOError):
                raise os_fault(error, path) from error
            what = f"process {owner or '?'} writes it, and only one may"
            raise foreign(
                path, what, "stop that one, or use another state folder", "locked"
            ) from error
        self._note_owner()

    def release(self) -> None:
        """Let the next writer in; once more does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _note_owner(self) -> None:
        # On a full disk the lock holds all the same; only its owner has no name.
        with suppress(OSError):
            os.truncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)


def make_private(path: Path) -> None:
    """Create the file unless it is there, with mode 0600; SQLite gives its log the same mode."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(file).st_mode & 0o077:
                os.fchmod(file, 0o600)
        finally:
            os.close(file)
    except OSError as error:
        raise os_fault(error, path) from error


def open_writer(path: Path, synchronous: Synchronous, busy: float) -> sqlite3.Connection:
    """The one connection that writes; in autocommit mode, usable from any thread.

    It waits ``busy`` seconds for a program that locked the file, such as a database shell.
    """
    connection = _connect(path, "rw", busy)
    try:
        for pragma in (
            f"page_size = {PAGE}",
            "auto_vacuum = INCREMENTAL",
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            f"journal_size_limit = {WAL_LIMIT}",
            "cell_size_check = ON",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error as error:
        connection.close()
        raise fault(error, path) from error
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. It works beside a writer, and without one.

    In a folder where nobody may write there can be no shared memory: then the file is read as
    it stands, which is right only because nobody writes it.
    """
    connection = _connect(path, "ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError as error:
        connection.close()
        if path.with_name(path.name + "-wal").exists() or os.access(path.parent, os.W_OK):
            raise fault(error, path) from error
        return _connect(path, "ro&immutable=1")
    except sqlite3.Error as error:
        connection.close()
        raise fault(error, path) from error
    return connection


def _connect(path: Path, mode: str, busy: float = BUSY) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=busy,
        )
        connection.execute("PRAGMA trusted_schema = OFF")
    except sqlite3.Error as error:
        raise fault(error, path) from error
    return connection

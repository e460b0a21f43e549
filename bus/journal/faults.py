"""From what SQLite and the file system say to ``JournalError``: what is wrong, and what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from ..errors import JournalError

__all__ = ["fault", "foreign", "os_fault"]


class _Case(NamedTuple):
    kind: str
    retryable: bool
    what: str
    remedy: str


_CASES = {
    sqlite3.SQLITE_FULL: _Case("full", True, "the disk is full", "free some space, then go on"),
    sqlite3.SQLITE_READONLY: _Case(
        "read-only", False, "the file or its folder cannot be written", "make both writable"
    ),
    sqlite3.SQLITE_PERM: _Case(
        "read-only", False, "access is not permitted", "run as the owner of the state folder"
    ),
    sqlite3.SQLITE_IOERR: _Case(
        "io", True, "the disk did not read or write", "look at the disk and its limits"
    ),
    sqlite3.SQLITE_CORRUPT: _Case(
        "corrupt", False, "the file is damaged", "run `retinue verify`, restore it from a copy"
    ),
    sqlite3.SQLITE_NOTADB: _Case(
        "corrupt",
        False,
        "the file is no journal, or its start is damaged",
        "restore it from a copy",
    ),
    sqlite3.SQLITE_BUSY: _Case(
        "locked", True, "another program holds the file", "close that program, then go on"
    ),
    sqlite3.SQLITE_LOCKED: _Case(
        "locked", True, "another program holds the file", "close that program, then go on"
    ),
    sqlite3.SQLITE_CANTOPEN: _Case(
        "missing", False, "the file cannot be opened", "see that the folder exists and is writable"
    ),
}
_OTHER = _Case("io", False, "the database failed", "run `retinue verify`")


def fault(error: sqlite3.Error, path: Path) -> JournalError:
    """The error to raise for what SQLite said of the file at ``path``."""
    code = getattr(error, "sqlite_errorcode", None)
    case = _CASES.get(code & 0xFF, _OTHER) if code is not None else _OTHER
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return _journal_error(case, path, f"{error}, {name}")


def os_fault(error: OSError, path: Path) -> JournalError:
    """The error to raise when the file could not even be made or locked."""
    if isinstance(error, PermissionError):
        code = sqlite3.SQLITE_READONLY
    elif isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        code = sqlite3.SQLITE_CANTOPEN
    else:
        code = sqlite3.SQLITE_IOERR
    return _journal_error(_CASES[code], path, error.strerror or str(error))


def foreign(path: Path, what: str, remedy: str, kind: str = "corrupt") -> JournalError:
    """A fault that neither reported: the content is not what it has to be."""
    return _journal_error(_Case(kind, False, what, remedy), path, "")


def _journal_error(case: _Case, path: Path, said: str) -> JournalError:
    detail = f" ({said})" if said else ""
    return JournalError(
        f"journal {path}: {case.what}{detail}; {case.remedy}",
        kind=case.kind,
        retryable=case.retryable,
    )

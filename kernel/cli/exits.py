"""Exit codes, as in ``sysexits.h``, and which error leads to which."""

from __future__ import annotations

from enum import IntEnum

from retinue.bus.errors import (
    CodecError,
    ConfigError,
    DeadlineExceeded,
    Denied,
    InvalidInput,
    JournalError,
    MailboxFull,
    NotFound,
    PluginError,
    ResultTooLarge,
    RetinueError,
    TaskCancelled,
    TaskFailed,
    ToolError,
    Unavailable,
)

from ..folder import FolderInUse

__all__ = ["Exit", "exit_code"]


class Exit(IntEnum):
    """What a script that calls ``retinue`` can tell apart."""

    OK = 0
    FAILED = 1
    """The command worked; what it was to do failed (a task, a check)."""
    USAGE = 64
    DATA = 65
    NO_INPUT = 66
    """There is no such file, agent, task, run, tool or progression."""
    UNAVAILABLE = 69
    SOFTWARE = 70
    CANNOT_CREATE = 73
    IO = 74
    """The journal's file cannot be read or written."""
    TEMPORARY = 75
    """Another daemon holds the folder, or the answer did not come in time."""
    NO_PERMISSION = 77
    CONFIG = 78


_CODES: tuple[tuple[type[BaseException], Exit], ...] = (
    (ConfigError, Exit.CONFIG),
    (InvalidInput, Exit.DATA),
    (CodecError, Exit.DATA),
    (PluginError, Exit.DATA),
    (Denied, Exit.NO_PERMISSION),
    (ResultTooLarge, Exit.DATA),
    (NotFound, Exit.NO_INPUT),
    (Unavailable, Exit.UNAVAILABLE),
    (DeadlineExceeded, Exit.TEMPORARY),
    (MailboxFull, Exit.TEMPORARY),
    (TaskFailed, Exit.FAILED),
    (TaskCancelled, Exit.FAILED),
    (ToolError, Exit.FAILED),
    (FolderInUse, Exit.TEMPORARY),
    (PermissionError, Exit.NO_PERMISSION),
    (RetinueError, Exit.SOFTWARE),
    (OSError, Exit.CANNOT_CREATE),
)


_JOURNAL = {
    "corrupt": Exit.DATA,
    "schema": Exit.DATA,
    "locked": Exit.TEMPORARY,
    "missing": Exit.NO_INPUT,
    "read-only": Exit.NO_PERMISSION,
}


def exit_code(error: BaseException) -> Exit:
    """The code for an error; the first class that fits counts."""
    if isinstance(error, JournalError):
        return _JOURNAL.get(getattr(error, "kind", ""), Exit.IO)
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.SOFTWARE)

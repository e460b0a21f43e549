"""The end of processes that a test without its mechanism left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def end_all_of(folder: Path) -> list[int]:
    """Kill every process that names ``folder`` in its arguments or environment; their numbers.

    The folder's name is random: nothing but what was started in it names it. Without ``/proc``
    nothing is found, and a mutant may leave what it is about.
    """
    ended = []
    for pid in _processes():
        if pid != os.getpid() and _names(pid, os.fsencode(folder)):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                ended.append(pid)
    return ended


def _processes() -> Iterator[int]:
    if _PROC.is_dir():
        yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())


def _names(pid: int, folder: bytes) -> bool:
    for what in ("environ", "cmdline"):
        with suppress(OSError):
            if folder in (_PROC / str(pid) / what).read_bytes():
                return True
    return False

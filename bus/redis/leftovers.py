"""Servers that outlived their kernel: written down beside their socket, ended at the next start."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

__all__ = ["forget", "reap", "record"]

_RECORD = "redis.pid"


def record(folder: Path, pid: int) -> None:
    """Write down the server's process, and when it began: a process id alone may be reused."""
    (folder / _RECORD).write_text(f"{pid} {_began(pid)}\n")


def reap(folder: Path) -> bool:
    """End the server that an earlier kernel left in the folder; tells whether there was one."""
    noted = _read(folder)
    if noted is None:
        return False
    pid, began = noted
    alive = bool(began) and _began(pid) == began
    if alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    forget(folder)
    return alive


def forget(folder: Path) -> None:
    """Drop the record and the socket of a server that has ended."""
    for name in (_RECORD, "redis.sock"):
        (folder / name).unlink(missing_ok=True)


def _read(folder: Path) -> tuple[int, str] | None:
    try:
        pid, _, began = (folder / _RECORD).read_text().strip().partition(" ")
        return int(pid), began
    except (FileNotFoundError, ValueError):
        return None


def _began(pid: int) -> str:
    """When a process began, in whatever form the system has; empty when there is none."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return ""
        return stat.rpartition(")")[2].split()[19]
    shown = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()

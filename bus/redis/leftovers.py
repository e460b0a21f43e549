"""Servers that outlived their kernel: written down beside their socket, ended at a later start."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import msgspec

from ..errors import Unavailable

__all__ = ["forget", "reap", "record", "sweep"]

_RECORD = "redis.pid"
_DEAD = ("Z", "X")  # killed, and kept only until its parent has looked


class _Process(msgspec.Struct, frozen=True):
    """A process id alone may be reused; with the moment it began it is one process."""

    pid: int
    began: str

    @property
    def alive(self) -> bool:
        return bool(self.began) and _began(self.pid) == self.began


class _Record(msgspec.Struct, frozen=True):
    server: _Process
    kernel: _Process


def record(folder: Path, server: int, kernel: int) -> None:
    """Write down which process is the server in ``folder``, and whose it is."""
    noted = _Record(_Process(server, _began(server)), _Process(kernel, _began(kernel)))
    (folder / _RECORD).write_bytes(msgspec.json.encode(noted))


def reap(folder: Path) -> bool:
    """End the server that an earlier kernel left in ``folder``; tells whether there was one.

    Raises ``Unavailable`` when that kernel lives.
    """
    noted = _read(folder)
    if noted is None:
        return False
    if noted.kernel.alive:
        raise Unavailable(
            f"the kernel in process {noted.kernel.pid} has its Redis in {folder}: "
            "stop it, or use another state folder"
        )
    alive = noted.server.alive
    if alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(noted.server.pid, signal.SIGKILL)
    forget(folder)
    return alive


def sweep(parent: Path, pattern: str) -> None:
    """Remove this user's folders under ``parent`` whose kernel is gone, and end their servers."""
    for folder in parent.glob(pattern):
        with contextlib.suppress(OSError, Unavailable):  # not ours, in use, or swept by another
            if folder.stat().st_uid == os.getuid() and _read(folder) is not None:
                reap(folder)
                shutil.rmtree(folder)


def forget(folder: Path) -> None:
    """Drop the record and the socket of a server that has ended."""
    for name in (_RECORD, "redis.sock"):
        (folder / name).unlink(missing_ok=True)


def _read(folder: Path) -> _Record | None:
    try:
        return msgspec.json.decode((folder / _RECORD).read_bytes(), type=_Record)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _began(pid: int) -> str:
    """When a process began, in whatever form the system has; empty when there is none."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return ""
        fields = stat.rpartition(")")[2].split()
        return "" if fields[0] in _DEAD else fields[19]
    shown = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()

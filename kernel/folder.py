"""A daemon's state folder: whose it is, and which daemon holds it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path

from retinue.bus.errors import ConfigError, RetinueError

from .config import Config
from .unix_socket import is_answered

__all__ = ["FolderInUse", "FolderNotOurs", "StateFolder", "folder_of"]

_UNWRITABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT})
_TRIES, _PAUSE = 5, 0.05  # seconds


class FolderInUse(RetinueError):
    """Another daemon runs in the folder. Not raised for files that a killed one left behind."""


class FolderNotOurs(RetinueError, PermissionError):
    """The folder belongs to another user, or may not be written."""


def folder_of(config: Config, environ: Mapping[str, str] = os.environ) -> Path:
    """``state_dir`` if it is set, else ``$XDG_STATE_HOME/retinue/NAME`` (``~/.local/state``)."""
    if config.state_dir:
        return Path(config.state_dir).expanduser().absolute()
    base = environ.get("XDG_STATE_HOME")
    home = Path(base) if base else Path(environ.get("HOME") or Path.home(), ".local", "state")
    return home / "retinue" / config.name


class StateFolder:
    """The folder's files, and the lock that makes one daemon its only one.

    The lock is the kernel's (``flock``): it ends with its process, however that ends. The pid
    and the socket are for readers, and stale whenever the lock is free.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is touched before ``acquire``."""
        self.path = path
        self.socket = path / "retinue.sock"
        self.pid_file = path / "retinue.pid"
        self._lock_file = path / "retinue.lock"
        self._lock: int | None = None

    def acquire(self) -> list[str]:
        """Make the folder ours and take its lock; returns which stale files were removed.

        Raises ``FolderInUse``, ``FolderNotOurs``, ``ConfigError`` (not a folder), ``OSError``.
        """
        try:
            _make(self.path)
            self._lock = self._locked()
            stale = self._remove_files()
            self.pid_file.write_text(f"{os.getpid()}\n")
        except OSError as error:
            self._let_go()
            if error.errno not in _UNWRITABLE:  # none for our own FolderNotOurs
                raise
            raise FolderNotOurs(
                f"the state folder {self.path} cannot be written ({error.strerror}): "
                "make it writable, or choose another --state-dir"
            ) from error
        return stale

    def release(self) -> None:
        """Remove what ``acquire`` made and let the lock go; harmless when it is not held."""
        if self._lock is None:
            return
        self._remove_files()
        self._let_go()

    def pid(self) -> int | None:
        """The pid that is written there, whether or not it still runs."""
        try:
            return int(self.pid_file.read_text())
        except (OSError, ValueError):
            return None

    def is_held(self) -> bool:
        """Whether a daemon has the folder, be it starting, running or stopping."""
        try:
            lock = os.open(self._lock_file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def _locked(self) -> int:
        lock = os.open(
            self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        if not _taken(lock):
            os.close(lock)
            raise FolderInUse(self._in_use())
        return lock

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)  # the lock file stays: removing it would let two daemons lock
            self._lock = None

    def _in_use(self) -> str:
        state = "answers" if is_answered(self.socket) else "is starting or stopping"
        return (
            f"a daemon (pid {self.pid() or 'unknown'}) already runs in {self.path} and {state}: "
            "stop it with `retinue stop`, or choose another --state-dir"
        )

    def _remove_files(self) -> list[str]:
        found = [
            file for file in (self.pid_file, self.socket) if file.exists() or file.is_symlink()
        ]
        for file in found:
            file.unlink()
        return [file.name for file in found]


def _taken(lock: int) -> bool:
    """Tried more than once: whoever asks ``is_held`` has the lock for a moment."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE)
        else:
            return True
    return False


def _make(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise ConfigError(f"{path} is not a folder: choose another --state-dir") from error
    found = path.stat()
    if found.st_uid != os.geteuid():
        raise FolderNotOurs(f"{path} belongs to another user: choose another --state-dir")
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o700)

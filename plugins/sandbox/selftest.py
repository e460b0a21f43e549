"""Trying what must fail, from inside, once the walls stand and before any plugin's code ran."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable

__all__ = ["tried"]


def tried(layers: frozenset[str], *, forks: bool) -> list[str]:
    """What did not fail although a layer ought to forbid it; empty when the walls hold.

    ``layers`` are those that were put on. Runs in the confined process.
    """
    wrong = []
    for what, layer, attempt in _ATTEMPTS:
        if layer not in layers or (forks and attempt in (_fork, _signal_parent)):
            continue
        try:
            attempt()
        except OSError as error:
            if error.errno in _FORBIDDEN:
                continue
        wrong.append(f"{what}, which {layer} has to forbid")
    return wrong


def _read_outside() -> None:
    for path in ("/.walls", "/etc/passwd", "/proc/self/environ"):
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except FileNotFoundError:
            continue  # not in the view: nothing to forbid
        return
    raise PermissionError(errno.EACCES, "nothing to read")


def _write_outside() -> None:
    os.close(os.open("/.written", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC))


def _open_socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


def _open_unix_socket() -> None:
    socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).close()


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _signal_parent() -> None:
    os.kill(os.getppid() or os.getpid() + 1, 0)


_FORBIDDEN = (errno.EPERM, errno.EACCES, errno.EROFS)
_ATTEMPTS: tuple[tuple[str, str, Callable[[], None]], ...] = (
    ("a file outside was read", "landlock", _read_outside),
    ("a file outside was written", "landlock", _write_outside),
    ("an internet socket was opened", "seccomp", _open_socket),
    ("a Unix socket was opened", "seccomp", _open_unix_socket),
    ("a process was forked", "seccomp", _fork),
    ("another process was signalled", "seccomp", _signal_parent),
)

"""The daemon's socket: in a folder of its owner's, and for its owner alone."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["OwnersSocket", "connect", "is_answered", "listen"]

_MAX_PATH = 100  # Linux takes 107 bytes, macOS 103
_UCRED = struct.Struct("3i")


class OwnersSocket(socket.socket):
    """A listening socket that hangs up on every peer but its owner and root.

    The folder's and the socket's modes say the same; this holds when a mode was loosened, or
    a descriptor of the folder was passed on. Without ``SO_PEERCRED`` (outside Linux) only the
    modes protect it.
    """

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection; raises ``ConnectionAbortedError``, which event loops pass over."""
        connection, address = super().accept()
        if _peer_uid(connection) in (None, 0, os.geteuid()):
            return connection, address
        connection.close()
        raise ConnectionAbortedError("the peer is another user")


def listen(path: Path) -> OwnersSocket:
    """A bound and listening socket at ``path``, mode 0600. A file that is there is an ``OSError``."""
    made = OwnersSocket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(path) as address:
            made.bind(address)
        path.chmod(0o600)  # its folder is 0700, so nobody could come in before
        made.listen(128)
    except BaseException:
        made.close()
        raise
    made.settimeout(0)
    return made


def connect(path: Path, timeout: float | None) -> socket.socket:
    """A connection; raises ``FileNotFoundError`` or ``ConnectionRefusedError`` when nobody listens."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(timeout)
    try:
        with _short(path) as address:
            made.connect(address)
    except BaseException:
        made.close()
        raise
    return made


def is_answered(path: Path) -> bool:
    """Whether somebody listens at ``path``; a socket file without a listener is stale."""
    try:
        connect(path, timeout=1.0).close()
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """An address that fits: a long one goes by way of a descriptor of its folder."""
    if len(os.fsencode(path)) <= _MAX_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _peer_uid(connection: socket.socket) -> int | None:
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    raw = connection.getsockopt(socket.SOL_SOCKET, option, _UCRED.size)
    _pid, uid, _gid = _UCRED.unpack(raw)
    return int(uid)

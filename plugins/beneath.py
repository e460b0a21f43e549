"""Opening what lies in a folder without following a link of any kind: ``openat2`` of Linux 5.6."""

from __future__ import annotations

import ctypes
import errno
import os
import struct

__all__ = ["open_beneath"]

_OPENAT2 = 437
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08


def open_beneath(folder: int, path: str, flags: int, mode: int = 0) -> int:
    """A descriptor, closed on exec, of ``path`` in the open ``folder``; ``mode`` only for O_CREAT.

    Raises ``OSError``: ``ELOOP`` where a link was met, ``EXDEV`` where the path leads out.
    """
    if "\0" in path:  # which ctypes would take for its end
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
    how = struct.pack("=QQQ", flags | os.O_CLOEXEC, mode, _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS)
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = int(libc.syscall(_OPENAT2, folder, os.fsencode(path), how, len(how)))
    if descriptor < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), path)
    return descriptor

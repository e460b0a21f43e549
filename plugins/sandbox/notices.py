"""Refused system calls, as Linux tells the host of them; the host's answer is always no."""

from __future__ import annotations

import errno
import fcntl
import struct
from typing import NamedTuple

from .names import name_of

__all__ = ["Refused", "answer", "receive", "refuse"]

_RECEIVE = 0xC0502100
_SEND = 0xC0182101
_NOTICE = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=QqiI")


class Refused(NamedTuple):
    """A call that the filter stopped. ``pid`` as the host sees it, ``name`` or its number."""

    id: int
    pid: int
    name: str
    arguments: tuple[int, ...]


def receive(listener: int, machine: str) -> Refused | None:
    """The next notice; ``None`` when whoever made the call is gone by now. Does not block.

    Raises ``OSError`` on a descriptor that is no listener. Call it when the listener is readable.
    """
    buffer = bytearray(_NOTICE.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, buffer)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINTR):
            return None
        raise
    notice, pid, _flags, number, _arch, _address, *arguments = _NOTICE.unpack(buffer)
    return Refused(notice, pid, name_of(number, machine), tuple(arguments))


def answer(refused: Refused, error: int = errno.EPERM) -> bytes:
    """What makes the call fail with ``error``. Pure."""
    return _ANSWER.pack(refused.id, 0, -error, 0)


def refuse(listener: int, refused: Refused) -> None:
    """Let the call fail; whoever made it may be gone."""
    try:
        fcntl.ioctl(listener, _SEND, answer(refused))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise

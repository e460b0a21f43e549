"""Refused system calls, as Linux tells the host of them; the host's answer is always no."""

from __future__ import annotations

import errno
import fcntl
import struct
from typing import NamedTuple

from .syscalls import numbers

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
    return Refused(notice, pid, _name(number, machine), tuple(arguments))


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


def _name(number: int, machine: str) -> str:
    for name, known in numbers(machine).items():
        if known == number:
            return name
    return _NOTORIOUS.get(machine, {}).get(number, f"call {number}")


_NOTORIOUS: dict[str, dict[int, str]] = {
    "x86_64": {
        41: "socket",
        42: "connect",
        47: "recvmsg",
        49: "bind",
        90: "chmod",
        91: "fchmod",
        86: "link",
        88: "symlink",
        92: "chown",
        101: "ptrace",
        132: "utime",
        141: "setpriority",
        161: "chroot",
        165: "mount",
        188: "setxattr",
        203: "sched_setaffinity",
        248: "add_key",
        250: "keyctl",
        266: "symlinkat",
        265: "linkat",
        268: "fchmodat",
        272: "unshare",
        280: "utimensat",
        298: "perf_event_open",
        308: "setns",
        310: "process_vm_readv",
        311: "process_vm_writev",
        319: "memfd_create",
        321: "bpf",
        322: "execveat",
        323: "userfaultfd",
        424: "pidfd_send_signal",
        434: "pidfd_open",
        438: "pidfd_getfd",
    },
}
"""Calls that attacks are made of, by name, for the reader of an event."""

"""Runs a command as Docker's default profile has it run without CAP_SYS_ADMIN: no unshare, no mounts."""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_X86 = (272, 165, 166, 442, 155)  # unshare, mount, umount2, mount_setattr, pivot_root
_ARM = (97, 40, 39, 442, 41)
_ALLOW, _EPERM = 0x7FFF0000, 0x00050000 | 1
_NO_NEW_PRIVS, _SECCOMP = 38, 22


class _Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def _filter(numbers: tuple[int, ...]) -> list[bytes]:
    words = [struct.pack("HBBI", 0x20, 0, 0, 0)]  # load the number
    for place, number in enumerate(numbers):
        words.append(struct.pack("HBBI", 0x15, len(numbers) - place, 0, number))
    return [*words, struct.pack("HBBI", 6, 0, 0, _ALLOW), struct.pack("HBBI", 6, 0, 0, _EPERM)]


words = _filter(_ARM if os.uname().machine == "aarch64" else _X86)
buffer = ctypes.create_string_buffer(b"".join(words))
program = _Program(len(words), ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
if libc.prctl(_SECCOMP, 2, ctypes.byref(program), 0, 0):
    sys.exit(f"no filter: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[1], sys.argv[1:])

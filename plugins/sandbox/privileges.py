"""Giving up what a process may do by being who it is."""

from __future__ import annotations

import ctypes
import os
import signal

__all__ = ["become", "die_with_parent", "drop_capabilities", "hide"]

_PDEATHSIG, _DUMPABLE, _CAPBSET_READ, _CAPBSET_DROP, _AMBIENT = 1, 4, 23, 24, 47
_NO_NEW_PRIVS = 38
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITIES_3 = 0x20080522


def become(uid: int) -> None:
    """Be this uid and gid for good, in no other group; for root. Raises ``OSError``."""
    _drop_bounds()
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def drop_capabilities() -> None:
    """Keep none, gain none; raises ``OSError``."""
    libc = ctypes.CDLL(None, use_errno=True)
    _drop_bounds()
    libc.prctl(_AMBIENT, 4, 0, 0, 0)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if libc.syscall(_CAPSET[os.uname().machine], header, nothing) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"capset: {os.strerror(error)}")


def die_with_parent(parent: int) -> None:
    """Be killed when the thread that started this process ends, also by ``kill -9``.

    After the last change of uid: that resets it. ``parent`` is the pid of who started it, or 0
    behind a pid namespace of its own, where nobody can tell.
    """
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent and os.getppid() != parent:  # it died before prctl could see to that
        os._exit(1)


def hide() -> None:
    """Let no other process of this uid look into this one: no core file, no ptrace."""
    ctypes.CDLL(None).prctl(_DUMPABLE, 0, 0, 0, 0)


def _drop_bounds() -> None:
    libc = ctypes.CDLL(None)
    capability = 0
    while libc.prctl(_CAPBSET_READ, capability, 0, 0, 0) >= 0:
        libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)  # without CAP_SETPCAP there is none to drop
        capability += 1

"""Starting, hurting and looking into processes, and leaving the walls."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from .calls import raw

__all__ = ["ATTACKS"]

_NEW_USER, _NEW_NET, _NEW_PID = 0x10000000, 0x40000000, 0x20000000


def _fork(_: dict[str, Any]) -> object:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return pid


def _spawn(_: dict[str, Any]) -> object:
    return subprocess.run(["/usr/bin/id"], capture_output=True, check=False).returncode


def _exec(_: dict[str, Any]) -> object:
    os.execv(sys.executable or "/bin/sh", ["sh"])


def _clone_namespace(_: dict[str, Any]) -> object:
    return raw("clone", _NEW_USER | signal.SIGCHLD, 0, 0, 0, 0)


def _clone_thread_namespace(_: dict[str, Any]) -> object:
    return raw("clone", 0x00010000 | _NEW_NET, 0, 0, 0, 0)


def _clone3(_: dict[str, Any]) -> object:
    return raw("clone3", struct.pack("=11Q", 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88)


def _memfd_exec(_: dict[str, Any]) -> object:
    return raw("execveat", 0, b"", None, None, 0x1000)


def _kill_host(told: dict[str, Any]) -> object:
    os.kill(told["host"], 0)
    return "it may signal the host"


def _kill_all(_: dict[str, Any]) -> object:
    os.kill(-1, 0)
    return "it may signal everyone"


def _kill_group(_: dict[str, Any]) -> object:
    os.kill(0, 0)
    return "it may signal its group"


def _queue_signal(told: dict[str, Any]) -> object:
    return raw("rt_sigqueueinfo", told["host"], 0, bytes(128)) or "signalled"


def _pidfd(told: dict[str, Any]) -> object:
    return raw("pidfd_open", told["host"], 0)


def _steal_descriptor(told: dict[str, Any]) -> object:
    return raw("pidfd_getfd", 0, 0, 0) or "a descriptor"


def _ptrace(told: dict[str, Any]) -> object:
    raw("ptrace", 16, told["host"], 0, 0)
    return "attached"


def _read_memory(told: dict[str, Any]) -> object:
    return raw("process_vm_readv", told["host"], 0, 0, 0, 0, 0) or "read"


def _write_memory(told: dict[str, Any]) -> object:
    return raw("process_vm_writev", told["host"], 0, 0, 0, 0, 0) or "written"


def _limits_of_host(told: dict[str, Any]) -> object:
    old = ctypes.create_string_buffer(16)
    raw("prlimit64", told["host"], 7, None, old)
    return "the host's limits"


def _raise_limits(_: dict[str, Any]) -> object:
    raw("prlimit64", 0, 9, struct.pack("=QQ", 1 << 40, 1 << 40), None)
    return "raised"


def _affinity(told: dict[str, Any]) -> object:
    os.sched_setaffinity(told["host"], {0})
    return "set"


def _priority(told: dict[str, Any]) -> object:
    os.setpriority(os.PRIO_PROCESS, told["host"], 19)
    return "set"


def _unshare(_: dict[str, Any]) -> object:
    raw("unshare", _NEW_USER | _NEW_PID)
    return "a namespace"


def _enter(_: dict[str, Any]) -> object:
    raw("setns", 0, 0)
    return "entered"


def _mount(_: dict[str, Any]) -> object:
    raw("mount", b"none", b"/tmp", b"tmpfs", 0, 0)
    return "mounted"


def _chroot(_: dict[str, Any]) -> object:
    os.chroot("/tmp")
    return "changed"


def _outlive(_: dict[str, Any]) -> object:
    if ctypes.CDLL(None, use_errno=True).prctl(1, 0, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return "outlives its host"


def _dumpable(_: dict[str, Any]) -> object:
    if ctypes.CDLL(None, use_errno=True).prctl(4, 1, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return "may be looked into"


def _become_root(_: dict[str, Any]) -> object:
    os.setuid(0)
    return "root"


def _bpf(_: dict[str, Any]) -> object:
    return raw("bpf", 5, bytes(64), 64) or "a program"


def _perf(_: dict[str, Any]) -> object:
    return raw("perf_event_open", bytes(112), 0, -1, -1, 0)


def _userfaultfd(_: dict[str, Any]) -> object:
    return raw("userfaultfd", 1)


def _second_filter(_: dict[str, Any]) -> object:
    raw("seccomp", 1, 0, None)
    return "another filter"


def _terminal(_: dict[str, Any]) -> object:
    import fcntl

    fcntl.ioctl(0, 0x5412, b"x")
    return "typed"


def _new_session(_: dict[str, Any]) -> object:
    raw("setsid")
    return "a session"


def _kernel_log(_: dict[str, Any]) -> object:
    return raw("syslog", 10, 0, 0)


def _inherited(told: dict[str, Any]) -> object:
    kept = []
    for descriptor in range(3, 256):
        try:
            kept.append((descriptor, os.fstat(descriptor).st_mode & 0o170000))
        except OSError:
            continue
    # The channel, the loop's own poll and wake-up pair: no regular file, folder or device.
    wrong = [d for d, kind in kept if kind in (0o100000, 0o040000, 0o060000, 0o020000)]
    return f"descriptors {wrong}" if wrong else ""


def _environment(_: dict[str, Any]) -> object:
    return [name for name in os.environ if "SECRET" in name or "TOKEN" in name]


def _machine_code(code: bytes) -> object:
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_long)(address)() or "it ran"


def _int80(_: dict[str, Any]) -> object:
    return _machine_code(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # getpid, as 32-bit programs call it


def _x32(_: dict[str, Any]) -> object:
    return _machine_code(b"\xb8\x27\x00\x00\x40\x0f\x05\xc3")  # getpid, as x32 programs call it


ATTACKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "processes: fork": _fork,
    "processes: start a program": _spawn,
    "processes: become another program": _exec,
    "processes: clone into a namespace": _clone_namespace,
    "processes: a thread in a new namespace": _clone_thread_namespace,
    "processes: clone3": _clone3,
    "processes: execveat": _memfd_exec,
    "processes: signal the host": _kill_host,
    "processes: signal everyone": _kill_all,
    "processes: signal its group": _kill_group,
    "processes: queue a signal": _queue_signal,
    "processes: a pidfd of the host": _pidfd,
    "processes: take a descriptor": _steal_descriptor,
    "processes: ptrace": _ptrace,
    "processes: read the host's memory": _read_memory,
    "processes: write the host's memory": _write_memory,
    "processes: read the host's limits": _limits_of_host,
    "processes: raise its own limits": _raise_limits,
    "processes: the host's affinity": _affinity,
    "processes: the host's priority": _priority,
    "processes: new namespaces": _unshare,
    "processes: enter a namespace": _enter,
    "processes: mount": _mount,
    "processes: chroot": _chroot,
    "processes: outlive its host": _outlive,
    "processes: be dumpable again": _dumpable,
    "processes: become root": _become_root,
    "processes: load BPF": _bpf,
    "processes: perf events": _perf,
    "processes: userfaultfd": _userfaultfd,
    "processes: another filter": _second_filter,
    "processes: type into the terminal": _terminal,
    "processes: a new session": _new_session,
    "processes: read the kernel's log": _kernel_log,
    "processes: use inherited descriptors": _inherited,
    "processes: read secrets of the environment": _environment,
    "processes: 32-bit system calls": _int80,
    "processes: x32 system calls": _x32,
}

"""Which system calls a plugin may make: a filter, built as plain data, and how to put it on.

Deny by default. What is refused goes to the host as a notification, and the host says no: so
every refusal is known, by number and arguments, and none can be forged or hidden by the plugin.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .syscalls import AUDIT_ARCH, PLAIN, numbers

__all__ = ["Profile", "Test", "install", "last_word", "program", "seal"]

ALLOW = 0x7FFF0000
NOTIFY = 0x7FC00000
ERRNO = 0x00050000
KILL = 0x80000000
_EPERM, _ENOSYS = 1, 38

_LOAD, _AND, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x45, 0x06
_X32 = 0x40000000
_THREAD = 0x00010000
_NAMESPACES = 0x7E020000
_ALL = (1 << 64) - 1
_INT = (1 << 32) - 1
_QUIET = {
    "clone3": _ENOSYS,
    "io_uring_setup": _ENOSYS,
    "get_mempolicy": _EPERM,
    "pkey_alloc": _ENOSYS,
}
"""Asked for by libraries that get along without: refused, and not worth a word."""
_QUIET_NUMBERS = {
    "x86_64": {"io_uring_setup": 425, "get_mempolicy": 239, "pkey_alloc": 330},
    "aarch64": {"io_uring_setup": 425, "get_mempolicy": 236, "pkey_alloc": 289},
}
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032, 1034)
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_PRCTL = (3, 15, 16, 23, 0x53564D41)
_SET_ID = 0o6000
"""Modes by which whoever runs a file becomes its owner: none is made so in a granted folder."""
_MAP_SHARED, _MAP_ANONYMOUS = 0x01, 0x20
_PR_SET_NO_NEW_PRIVS, _SET_FILTER, _NEW_LISTENER = 38, 1, 8
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SENDMSG = {"x86_64": 46, "aarch64": 211}


class Test(NamedTuple):
    """Whether ``argument & mask == value``; arguments are numbered from 0 and have 64 bits."""

    argument: int
    value: int
    mask: int = _ALL


class Profile(NamedTuple):
    """What one process may do. ``pid`` is its own, as it sees it."""

    machine: str
    pid: int
    executes: bool = False
    """Whether it may replace itself: a runtime other than Python is started so."""
    forks: bool = False
    """Whether it may have children; only behind walls that hold those too."""


_PRIVATE_OR_FILE = [[Test(3, 0, _MAP_SHARED)], [Test(3, 0, _MAP_ANONYMOUS)]]
"""A command's memory is bounded by RLIMIT_DATA, which shared memory without a file would pass by."""

Rules = dict[int, Sequence[Sequence[Test]]]
"""By number: a call is allowed when all tests of one alternative hold; no alternative: never."""


def program(profile: Profile) -> bytes:
    """The filter, as instructions of classic BPF. Pure; raises ``KeyError`` without a table."""
    known = numbers(profile.machine)
    rules: Rules = {known[name]: [()] for name in PLAIN if name in known}
    rules |= {known[name]: tests for name, tests in _special(profile).items() if name in known}
    # Until the listener was handed over; ``seal`` takes both away.
    rules |= {_SENDMSG[profile.machine]: [()], _SECCOMP[profile.machine]: [()]}
    quiet = _QUIET_NUMBERS[profile.machine] | {"clone3": known["clone3"]}
    for name in _QUIET:
        rules.pop(quiet[name], None)
    code = _prelude(profile.machine)
    for number, alternatives in rules.items():
        code += _block(number, alternatives, NOTIFY)
    for name, error in _QUIET.items():
        code += _refusal(quiet[name], error)
    return b"".join([*code, _op(_RETURN, NOTIFY)])


def last_word(machine: str) -> bytes:
    """The second filter: no more filters, and no more descriptors sent away. Pure."""
    code = _prelude(machine)
    code += _refusal(_SENDMSG[machine], _EPERM) + _refusal(_SECCOMP[machine], _EPERM)
    return b"".join([*code, _op(_RETURN, ALLOW)])


def install(filter: bytes) -> int:
    """Put the filter on this process, which has one thread; returns the listener's descriptor.

    Raises ``OSError``. Cannot be undone.
    """
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return _load(filter, _NEW_LISTENER)


def seal(machine: str) -> None:
    """Put ``last_word`` on, once the listener is with the host."""
    _load(last_word(machine), 0)


def _special(profile: Profile) -> dict[str, Sequence[Sequence[Test]]]:
    own = [[Test(0, profile.pid, _INT)]]
    always: Sequence[Sequence[Test]] = [()]
    never: Sequence[Sequence[Test]] = []
    thread = [[Test(0, _THREAD, _THREAD | _NAMESPACES)]]
    return {
        "clone": [[Test(0, 0, _NAMESPACES)]] if profile.forks else thread,
        "fork": always if profile.forks else never,
        "vfork": always if profile.forks else never,
        "wait4": always,
        "waitid": always,
        "setsid": always if profile.forks else never,
        "setpgid": always if profile.forks else never,
        "execve": always if profile.executes or profile.forks else never,
        "mmap": _PRIVATE_OR_FILE if profile.executes else always,
        "open": [[Test(2, 0, _SET_ID)]],
        "openat": [[Test(3, 0, _SET_ID)]],
        "mkdir": [[Test(1, 0, _SET_ID)]],
        "mkdirat": [[Test(2, 0, _SET_ID)]],
        "kill": always if profile.forks else own,
        "tgkill": always if profile.forks else own,
        "prlimit64": [[Test(0, pid, _INT), Test(2, 0)] for pid in (0, profile.pid)],
        "socketpair": [[Test(0, 1, _INT)]],
        "sendto": [[Test(4, 0)]],
        "socket": never,
        "sched_setaffinity": never,
        "ioctl": _one_of(1, _IOCTL),
        "fcntl": _one_of(1, _FCNTL),
        "prctl": _one_of(0, _PRCTL),
    }


def _one_of(argument: int, values: Iterable[int]) -> list[list[Test]]:
    return [[Test(argument, value, _INT)] for value in values]


def _prelude(machine: str) -> list[bytes]:
    """Another processor's calls, and those of x32, have other numbers: they end the process."""
    code = [_op(_LOAD, 4), _op(_EQUAL, AUDIT_ARCH[machine], 1, 0), _op(_RETURN, KILL)]
    code.append(_op(_LOAD, 0))
    if machine == "x86_64":
        code += [_op(_ANY_BIT, _X32, 0, 1), _op(_RETURN, KILL)]
    return code


def _refusal(number: int, error: int) -> list[bytes]:
    return [_op(_EQUAL, number, 0, 1), _op(_RETURN, ERRNO | error)]


def _block(number: int, alternatives: Sequence[Sequence[Test]], refused: int) -> list[bytes]:
    """What decides about one call; the accumulator holds its number before and after."""
    if any(not tests for tests in alternatives):
        return [_op(_EQUAL, number, 0, 1), _op(_RETURN, ALLOW)]
    body: list[bytes] = []
    for tests in alternatives:
        body += _alternative(tests)
    body.append(_op(_RETURN, refused))
    return [_op(_EQUAL, number, 0, len(body)), *body]


def _alternative(tests: Sequence[Test]) -> list[bytes]:
    """Allow when all hold, or jump behind itself."""
    halves = [half for test in tests for half in _halves(test)]
    length = 3 * len(halves) + 1
    code: list[bytes] = []
    for offset, mask, value in halves:
        code += [_op(_LOAD, offset), _op(_AND, mask)]
        code.append(_op(_EQUAL, value, 0, length - len(code) - 1))
    return [*code, _op(_RETURN, ALLOW)]


def _halves(test: Test) -> Iterable[tuple[int, int, int]]:
    """The two words of an argument, on a little-endian processor, where they matter."""
    for word in (0, 1):
        mask = test.mask >> (32 * word) & 0xFFFFFFFF
        if mask:
            yield 16 + 8 * test.argument + 4 * word, mask, test.value >> (32 * word) & 0xFFFFFFFF


def _op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _load(filter: bytes, flags: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(filter, len(filter))
    wanted = _Program(len(filter) // 8, ctypes.addressof(buffer))
    number = _SECCOMP[os.uname().machine]
    done = libc.syscall(number, _SET_FILTER, flags, ctypes.byref(wanted))
    if done < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"seccomp: {os.strerror(error)}")
    return int(done)

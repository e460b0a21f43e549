"""Landlock: which files a process may touch by what they are, and no TCP, signals or abstract sockets.

Rights and their versions are those of ``linux/landlock.h``.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["MINIMUM", "Allowed", "handled", "restrict", "rights_of", "version"]

MINIMUM = 4
"""The version from which on TCP is covered too."""

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_DIR, _MAKE_REG = 1 << 7, 1 << 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_FILE_ONLY = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_READ = _READ_FILE | _READ_DIR
_CHANGE = _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _TRUNCATE | _REFER
"""Links, devices, FIFOs and sockets are never made."""


class Allowed(NamedTuple):
    """A file, or a folder and all beneath it; without ``read``, only what folders hold, by name."""

    path: str
    write: bool = False
    execute: bool = False
    read: bool = True


def version() -> int:
    """What this host offers; 0 for nothing."""
    return max(0, int(_libc().syscall(_CREATE, None, 0, 1)))


def handled(abi: int) -> tuple[int, int, int]:
    """All that a version can forbid: rights on files, on TCP ports, and scopes. Pure."""
    files = (1 << 13) - 1
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, 1 << 15)):
        files |= right if abi >= since else 0
    return files, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0


def rights_of(allowed: Allowed, abi: int, *, folder: bool) -> int:
    """The rights that a rule gives: those of a file alone, where it is one. Pure."""
    rights = _READ if allowed.read else _READ_DIR
    rights |= (_CHANGE if allowed.write else 0) | (_EXECUTE if allowed.execute else 0)
    return rights & handled(abi)[0] & (~0 if folder else _FILE_ONLY)


def restrict(rules: Sequence[Allowed]) -> None:
    """Forbid this process everything but these; what is missing on disk is passed over.

    Raises ``OSError``. Cannot be undone; what is open stays open.
    """
    abi, libc = version(), _libc()
    files, network, scopes = handled(abi)
    attributes = struct.pack("=QQQ", files, network, scopes)[: 24 if abi >= 6 else 16]
    if abi < 4:
        attributes = attributes[:8]
    ruleset = _checked(libc.syscall(_CREATE, attributes, len(attributes), 0))
    try:
        for path, rights in _opened(rules, abi):
            rule = struct.pack("=Qi", rights, path)
            _checked(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
            os.close(path)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _checked(libc.syscall(_RESTRICT, ruleset, 0))
    finally:
        os.close(ruleset)


def _opened(rules: Sequence[Allowed], abi: int) -> Iterable[tuple[int, int]]:
    for allowed in rules:
        try:
            path = os.open(allowed.path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        folder = stat.S_ISDIR(os.fstat(path).st_mode)
        yield path, rights_of(allowed, abi, folder=folder)


def _checked(done: int) -> int:
    if done < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"Landlock: {os.strerror(error)}")
    return done


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)

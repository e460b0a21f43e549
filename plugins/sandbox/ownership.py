"""A folder whose owner a process is for the time being, although it has another uid."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from pathlib import Path

from . import privileges

__all__ = ["lent"]

_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_CLONE, _RECURSIVE, _EMPTY_PATH, _CLOEXEC = 1, 0x8000, 0x1000, 0o2000000
_ATTR_IDMAP, _FROM_EMPTY_PATH, _HERE = 0x100000, 4, -100
_NEW_USER = 0x10000000


def lent(source: int, target: str, uid: int) -> bool:
    """Mount a folder so that what belongs to its owner belongs to ``uid`` there; for root.

    False where its file system, or this host, cannot do that. Files that are made have the owner
    on the disk.
    """
    owner = os.fstat(source)
    tree = _call(_OPEN_TREE, source, b"", _CLONE | _RECURSIVE | _EMPTY_PATH | _CLOEXEC)
    if tree < 0:
        return False
    try:
        if not _owned(tree, owner, uid):
            return False
        return _call(_MOVE_MOUNT, tree, b"", _HERE, target.encode(), _FROM_EMPTY_PATH) >= 0
    finally:
        os.close(tree)


def _owned(tree: int, owner: os.stat_result, uid: int) -> bool:
    try:
        namespace = _user_namespace(owner.st_uid, owner.st_gid, uid)
    except OSError:
        return False
    try:
        wanted = struct.pack("=QQQQ", _ATTR_IDMAP, 0, 0, namespace)
        flags = _EMPTY_PATH | _RECURSIVE
        return _call(_MOUNT_SETATTR, tree, b"", flags, wanted, len(wanted)) >= 0
    finally:
        os.close(namespace)


def _user_namespace(owner: int, group: int, uid: int) -> int:
    """One in which the owner is the uid; nobody lives in it."""
    reading, writing = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        privileges.die_with_parent(parent)
        done = ctypes.CDLL(None).unshare(_NEW_USER)
        os.write(writing, b"x" if done == 0 else b"-")
        signal.pause()
    try:
        if os.read(reading, 1) != b"x":
            raise OSError("a user namespace cannot be made")
        Path(f"/proc/{child}/uid_map").write_text(f"{owner} {uid} 1", encoding="ascii")
        Path(f"/proc/{child}/gid_map").write_text(f"{group} {uid} 1", encoding="ascii")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)


def _call(number: int, *arguments: object) -> int:
    return int(ctypes.CDLL(None, use_errno=True).syscall(number, *arguments))

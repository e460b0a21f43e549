"""A view of its own for one process: its own network, IPC and mounts, and only the files it needs."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from . import ownership

__all__ = ["FLAGS", "Bind", "View", "enter", "make_scratch", "unshare"]

FLAGS = {
    "mnt": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "net": 0x40000000,
}

_BIND, _REC, _PRIVATE, _DETACH = 1 << 12, 1 << 14, 1 << 18, 2
_NOSUID, _NODEV, _NOEXEC = 2, 4, 8
_RECURSIVE, _ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 0x8000, 1, 2, 4
_MOUNT_SETATTR = 442
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_BASE = "/tmp"  # noqa: S108 - only a place that is there to mount on; nothing of it is used
_INODES = 4096
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


class Bind(NamedTuple):
    """A file or folder that is seen under its own path."""

    path: str
    write: bool = False
    granted: bool = False
    """Whether it was granted: its owner's rights are the process's there, where that can be done."""


class View(NamedTuple):
    """The only files there are: these, four devices, and an empty ``/tmp`` of so many bytes."""

    binds: Sequence[Bind]
    tmp_bytes: int
    uid: int = 0
    """Who uses what was granted, where that is not its owner; 0 for nobody else."""


def unshare(names: Iterable[str]) -> None:
    """Leave the host's namespaces of these kinds; raises ``OSError``.

    Who is not root gets a user namespace first, in which he keeps his own number alone.
    """
    names = list(names)
    uid, gid = os.geteuid(), os.getegid()
    flags = sum(FLAGS[name] for name in names)
    _checked(_libc().unshare(flags), "unshare " + " ".join(names))
    if "user" in names:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")


def enter(view: View) -> None:
    """Make the view the root of this process, in its own mount namespace; raises ``OSError``.

    Sources are opened before anything is covered, so one may lie anywhere, ``/tmp`` included.
    """
    _mount(None, "/", None, _REC | _PRIVATE)
    binds = [Bind(path) for path in _DEVICES] + _outer_first(view.binds)
    opened = [(bind, _open(bind.path)) for bind in binds]
    size = f"size={1 << 20},nr_inodes={_INODES},mode=755"
    _mount("tmpfs", _BASE, "tmpfs", _NOSUID | _NODEV, size)
    scratch = _BASE + "/tmp"  # noqa: S108 - the view's own
    Path(scratch).mkdir(exist_ok=True)
    _mount("tmpfs", scratch, "tmpfs", _NOSUID | _NODEV | _NOEXEC, _sized(view.tmp_bytes))
    for bind, source in opened:
        if source is not None:
            _bind(bind, source, _BASE + bind.path, view.uid)
    _mark(_BASE)
    _set_attributes(_BASE, _ATTR_RDONLY, 0)
    _pivot(_BASE)


def make_scratch(view: View) -> None:
    """Cover ``/tmp`` with an empty one, and then show these binds anew; raises ``OSError``."""
    unshare(["mnt"])
    opened = [(bind, _open(bind.path)) for bind in _outer_first(view.binds)]
    _mount("tmpfs", _BASE, "tmpfs", _NOSUID | _NODEV | _NOEXEC, _sized(view.tmp_bytes))
    for bind, source in opened:
        if source is not None:
            _bind(bind, source, bind.path, view.uid)
    _mark("/")
    os.chdir(_BASE)


def _mark(root: str) -> None:
    """A file that everybody may read but for Landlock: the self-test tries it."""
    Path(root, ".walls").write_text("Readable for nobody: Landlock says so.", encoding="ascii")


def _sized(size: int) -> str:
    return f"size={size},nr_inodes={_INODES},mode=1777"


def _outer_first(binds: Iterable[Bind]) -> list[Bind]:
    """Without those that another one of the same kind shows already."""
    chosen: list[Bind] = []
    for bind in sorted(set(binds), key=lambda b: (b.path.rstrip("/").count("/"), b)):
        inside = [b for b in chosen if bind.path == b.path or bind.path.startswith(b.path + "/")]
        if not inside or inside[-1][1:] != bind[1:]:
            chosen.append(bind)
    return chosen


def _open(path: str) -> int | None:
    try:
        return os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _bind(bind: Bind, source: int, target: str, uid: int) -> None:
    if stat.S_ISDIR(os.fstat(source).st_mode):
        Path(target).mkdir(parents=True, exist_ok=True)
    elif not Path(target).exists():
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).touch()
    if not (bind.granted and uid and ownership.lent(source, target, uid)):
        _mount(f"/proc/self/fd/{source}", target, None, _BIND | _REC)
    os.close(source)
    if bind.path in _DEVICES:
        return
    _set_attributes(
        target, _ATTR_NOSUID | _ATTR_NODEV | (0 if bind.write else _ATTR_RDONLY), _RECURSIVE
    )


def _set_attributes(path: str, attributes: int, flags: int) -> None:
    wanted = struct.pack("=QQQQ", attributes, 0, 0, 0)
    done = _libc().syscall(_MOUNT_SETATTR, -100, path.encode(), flags, wanted, len(wanted))
    _checked(done, f"mount_setattr {path}")


def _pivot(root: str) -> None:
    os.chdir(root)
    number = _PIVOT_ROOT[os.uname().machine]
    _checked(_libc().syscall(number, b".", b"."), "pivot_root")
    _checked(_libc().umount2(b".", _DETACH), "umount2")
    os.chdir("/tmp")  # noqa: S108 - the view's own


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    raw: Callable[[str | None], bytes | None] = lambda text: text.encode() if text else None  # noqa: E731
    done = _libc().mount(raw(source), target.encode(), raw(kind), ctypes.c_ulong(flags), raw(data))
    _checked(done, f"mount {target}")


def _checked(done: int, what: str) -> None:
    if done < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)

"""Where this process is among the cgroups of version 2, whose they are, and who is in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = [
    "CONTROLLERS",
    "LEAF",
    "base_of",
    "delegated",
    "identity",
    "is_alive",
    "is_inner",
    "is_ours",
    "lacking",
    "members",
    "own_cgroup",
    "strangers",
    "words",
]

CONTROLLERS = ("memory", "pids", "cpu")
"""Those that bound a plugin's processes."""
LEAF = "retinue-kernel-"
"""How the names of those begin that a daemon is in, which has divided its own."""
_DELEGATED = ("trusted.delegate", "user.delegate")
"""What systemd writes on a cgroup with ``Delegate=yes``: on root's, and on users'."""
_OCTAL = re.compile(r"\\([0-7]{3})")


def own_cgroup(mountinfo: str, cgroup: str) -> str:
    """The folder of a process's cgroup, from its ``mountinfo`` and ``cgroup`` in ``/proc``. Pure.

    Empty where no hierarchy of version 2 is mounted, or its mounts do not show the process's own.
    """
    own = next((line[3:] for line in cgroup.splitlines() if line.startswith("0::")), "")
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if not own or after.split(" ")[0] != "cgroup2":
            continue
        root, point = (_plain(word) for word in before.split(" ")[3:5])
        if own == root or own.startswith(f"{root.rstrip('/')}/"):
            return f"{point}/{own[len(root) :].lstrip('/')}".rstrip("/")
    return ""


def base_of(own: Path) -> Path:
    """The cgroup that groups are made in: where the daemon has divided it, the one above its own."""
    return own.parent if own.name.startswith(LEAF) else own


def delegated(own: Path, cgroup: str) -> bool:
    """Whether ``base_of(own)`` was left to this process: to divide another manager's would upset that.

    It is the top of what the process can see, or systemd says so, or it was given to its user.
    ``cgroup`` is the process's own file of that name in ``/proc``.
    """
    base = base_of(own)
    if not os.access(base, os.W_OK):
        return False
    divided = base != own  # only what was left to us is
    return divided or "0::/" in cgroup.splitlines() or _marked(base) or _handed_over(base)


def _marked(folder: Path) -> bool:
    for name in _DELEGATED:
        with suppress(OSError):
            if os.getxattr(folder, name) == b"1":
                return True
    return False


def _handed_over(folder: Path) -> bool:
    """Whether it is a user's who does not own the one above it."""
    user = os.geteuid()
    return user != 0 and folder.stat().st_uid == user != folder.parent.stat().st_uid


def is_inner(folder: Path) -> bool:
    """Whether this is not the top of the whole hierarchy, which is the machine's and not ours."""
    return (folder / "cgroup.type").exists()


def strangers(folder: Path) -> list[str]:
    """The processes in a cgroup that are neither this one nor beneath it, as ``NAME (PID)``."""
    return [f"{_name(pid)} ({pid})" for pid in members(folder) if not is_ours(pid)]


def members(folder: Path) -> list[int]:
    """The pids in a cgroup itself; raises ``OSError``."""
    return [int(word) for word in words(folder / "cgroup.procs")]


def words(file: Path) -> list[str]:
    """What a cgroup's file lists; raises ``OSError``."""
    return file.read_text(encoding="ascii").split()


def identity() -> str:
    """What names this process and no other: its pid namespace, pid, and start since the boot."""
    return f"{Path('/proc/self/ns/pid').stat().st_ino}-{os.getpid()}-{_started(os.getpid())}"


def is_alive(named: str) -> bool:
    """Whether the process with this ``identity`` runs; true for those that nobody here can know."""
    namespace, pid, started = (int(word) for word in named.split("-"))
    if namespace != Path("/proc/self/ns/pid").stat().st_ino:
        return True
    return _started(pid) == started


def lacking(base: Path, controllers: Sequence[str] = CONTROLLERS) -> tuple[str, ...]:
    """Those of the controllers that a cgroup has, and does not hand down; raises ``OSError``."""
    given = words(base / "cgroup.subtree_control")
    there = words(base / "cgroup.controllers")
    return tuple(name for name in controllers if name in there and name not in given)


def is_ours(pid: int) -> bool:
    """Whether a process is this one, or beneath it."""
    return os.getpid() in _line(pid)


def _line(pid: int) -> Iterator[int]:
    """A process and all above it."""
    while pid > 0:
        yield pid
        fields = _stat(pid)
        pid = int(fields[1]) if fields else 0


def _started(pid: int) -> int:
    """In clock ticks since the boot; -1 when there is no such process."""
    fields = _stat(pid)
    return int(fields[19]) if fields else -1


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` behind the name, which may hold anything."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return []


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    return "a process"


def _plain(word: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), word)

"""From a level, what the host gives and what was granted, to a plan. Pure; never silently less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from retinue.bus.errors import PluginError

from ..manifest.model import Level, Limits, Permissions
from .bubblewrap import PROGRAMS, bubblewrapped
from .given import Given, Layer
from .trees import Tree, tree_of

__all__ = ["LAUNCHER", "LAYERS", "Plan", "best", "holds_children", "missing", "plan"]

LAYERS: dict[Level, tuple[str, ...]] = {
    "strict": ("bwrap", "namespaces", "landlock", "seccomp"),
    "standard": ("namespaces", "landlock", "seccomp"),
    "baseline": ("landlock", "seccomp"),
    "limits": (),
}
"""What each level stands on, besides the bounds of a process."""

_READABLE = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_ENDLESS = "/dev/zero"
"""Shared mappings of it are memory that RLIMIT_DATA does not count."""
LAUNCHER = Path(__file__).resolve().with_name("launcher.py")
_SPARE = 16
"""Descriptors that the launcher and the interpreter need beside the plugin's own."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the spawner starts, and what the launcher does to itself. All paths are absolute."""

    level: Level
    layers: tuple[str, ...]
    launcher: dict[str, Any]
    """The JSON object of ``launcher.py``, without the uid and the parent's pid."""
    bwrap: tuple[str, ...] = ()
    """The command before the interpreter's, at the strict level."""
    tree: Tree | None = None
    """The cgroup of the process and all that it starts, where this host has them."""
    kept: bool = False
    """Whether what it starts could outlive a kernel that is killed, but for its cgroup."""
    drops_uid: bool = False
    start_seconds: float = 5.0
    stdio: bool = False
    """Whether a second socket becomes stdin and stdout of what is executed."""


def missing(level: Level, given: Given) -> list[tuple[str, Layer]]:
    """The layers that a level needs and the host does not give."""
    found: list[tuple[str, Layer]] = [(name, getattr(given, name)) for name in LAYERS[level]]
    return [(name, layer) for name, layer in found if not layer.there]


def best(given: Given) -> Level:
    """The strongest level that this host gives."""
    levels: tuple[Level, ...] = ("strict", "standard", "baseline")
    return next((level for level in levels if not missing(level, given)), "limits")


def plan(
    level: Level,
    given: Given,
    *,
    readable: Sequence[str],
    packages: Mapping[str, str],
    python_path: Sequence[str],
    main: str,
    permissions: Permissions,
    limits: Limits,
    arguments: Sequence[str] = (),
    execute: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    listed: Sequence[str] = (),
) -> Plan:
    """How to start a process at this level.

    ``readable`` are the interpreter's and the plugin's own folders, ``packages`` folders of
    packages by name, ``python_path`` what becomes ``sys.path``, and ``main`` the module that
    serves the channel. With ``execute`` an absolute command takes the interpreter's place once it is
    confined, on a socket for stdin and stdout. ``listed`` folders may be searched for what of them is
    shown. Raises ``PluginError`` that names every layer which is missing and its remedy.
    """
    _refuse_less(level, given)
    _refuse_processes(level, given, permissions, execute)
    confine = level != "limits"
    shown = [*_READABLE, *readable, *packages.values()]
    read = [*shown, *permissions.read]
    layers, tree = LAYERS[level], tree_of(level, given, limits)
    launcher = {
        "layers": layers,
        "namespaces": _namespaces(level, given),
        "view": _view(level, shown, permissions, limits),
        "scratch": _scratch(level, [*shown, str(LAUNCHER.parent)], permissions, limits),
        "limits": _bounds(level, given, limits, execute, tree),
        "confine": confine,
        "landlock": [*_files(level, read, permissions, execute), *_listed(listed)]
        if confine
        else None,
        "seccomp": [bool(execute), permissions.processes] if confine else None,
        "packages": dict(packages),
        "path": list(python_path),
        "main": main,
        "arguments": list(arguments),
        "execute": list(execute),
        "environment": {**_ENVIRONMENT, **(environment or {})},
    }
    return Plan(
        level=level,
        layers=layers,
        launcher=launcher,
        bwrap=bubblewrapped(given, [*read, str(LAUNCHER.parent)], permissions)
        if level == "strict"
        else (),
        tree=tree,
        kept=tree is not None and _may_leave(level, permissions),
        drops_uid=given.root and confine,
        start_seconds=limits.start_seconds,
        stdio=bool(execute),
    )


_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",  # noqa: S108 - the plugin's own, in its view
    "TMPDIR": "/tmp",  # noqa: S108
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def _refuse_less(level: Level, given: Given) -> None:
    lacking = missing(level, given)
    if lacking:
        causes = "; ".join(f"{name}: {layer.detail}, {layer.remedy}" for name, layer in lacking)
        raise PluginError(
            f"this host does not give the level {level!r}: {causes}; or let the operator lower "
            "[sandbox] level"
        )


def holds_children(level: Level, given: Given) -> bool:
    """Whether what a process starts ends with it, and cannot signal others meanwhile. Pure.

    A pid namespace goes down with its first process; a cgroup is killed as a whole, and Landlock
    keeps signals inside from version 6 on.
    """
    return level in ("strict", "limits") or (given.cgroup.there and given.landlock_version >= 6)


def _may_leave(level: Level, permissions: Permissions) -> bool:
    """Without a pid namespace; and without walls nobody needs a permission to fork."""
    return level == "limits" or (level != "strict" and permissions.processes)


def _refuse_processes(
    level: Level, given: Given, permissions: Permissions, execute: Sequence[str]
) -> None:
    """Children outlive a kill of their parent, unless something goes down with it."""
    if permissions.processes and not holds_children(level, given):
        what = "runs a command" if execute else "starts processes"
        raise PluginError(
            f"the plugin {what} of its own, which needs the level 'strict' or a cgroup, and this is "
            f"{level!r} without one: install bubblewrap and set [sandbox] level, or take "
            "permissions.processes away"
        )


def _namespaces(level: Level, given: Given) -> list[str]:
    """At ``strict`` bwrap has made them; root needs no user namespace to make the others."""
    if level != "standard":
        return []
    return [*([] if given.root else ["user"]), "mnt", "net", "ipc", "uts"]


def _view(
    level: Level, shown: Sequence[str], permissions: Permissions, limits: Limits
) -> dict[str, Any] | None:
    if level != "standard":
        return None
    if permissions.processes:
        shown = [*shown, *PROGRAMS]
    return {"binds": _binds(shown, permissions), "tmp_bytes": limits.tmp_bytes}


def _scratch(
    level: Level, shown: Sequence[str], permissions: Permissions, limits: Limits
) -> dict[str, Any] | None:
    """At ``strict``: bubblewrap bounds the bytes in ``/tmp``, and not how many files there are.

    Nor does it lend what was granted to another uid than the owner's.
    """
    if level != "strict":
        return None
    again = [bind for bind in _binds(shown, permissions) if bind[2] or bind[0].startswith("/tmp/")]  # noqa: S108
    return {"binds": again, "tmp_bytes": limits.tmp_bytes}


def _binds(shown: Sequence[str], permissions: Permissions) -> list[tuple[str, bool, bool]]:
    """Path, whether it may be written, and whether it was granted."""
    return [
        *((path, False, False) for path in shown),
        *((path, False, True) for path in permissions.read),
        *((path, True, True) for path in permissions.write),
    ]


def _files(
    level: Level, read: Sequence[str], permissions: Permissions, execute: Sequence[str]
) -> list[tuple[str, bool, bool]]:
    """Path, whether it may be written, and whether executed."""
    runs = bool(execute) or permissions.processes
    files = [(path, False, runs) for path in read]
    files += [(path, True, False) for path in permissions.write]
    devices = [path for path in _DEVICES if not (execute and path == _ENDLESS)]
    files += [(path, path == "/dev/null", False) for path in devices]
    files += [(path, False, True) for path in execute[:1]]
    if permissions.processes:
        files += [(path, False, True) for path in PROGRAMS]
    if level in ("strict", "standard"):  # a view of its own, whose /tmp is nobody else's
        files.append(("/tmp", True, False))  # noqa: S108
    return files


def _listed(folders: Sequence[str]) -> list[tuple[str, bool, bool, bool]]:
    return [(folder, False, False, False) for folder in folders]


def _bounds(
    level: Level, given: Given, limits: Limits, execute: Sequence[str], tree: Tree | None
) -> dict[str, int]:
    """A command may be a runtime that reserves far more addresses than it ever fills, as node does.

    Linux counts threads for each uid of a user namespace, which is the kernel's own at ``baseline``
    unless that is root. A cgroup has to be met first: it counts what it refuses, this does not.
    """
    bounds = {
        "data_bytes" if execute else "memory_bytes": limits.memory_bytes,
        "descriptors": limits.descriptors + _SPARE,
        "file_bytes": limits.file_bytes,
        "core_bytes": 0,
        "queue_bytes": 0,
        "locked_bytes": 0,
    }
    if level == "limits":
        return bounds
    own_uid = level != "baseline" or given.root
    together = "" if tree is None else tree.bounds.get("pids.max", "")
    pids = int(together) + 1 if together else limits.pids
    return {**bounds, "pids" if own_uid else "more_pids": pids}

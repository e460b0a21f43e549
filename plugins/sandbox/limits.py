"""Bounds that Linux keeps for each process by itself."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from contextlib import suppress

__all__ = ["apply"]

_NAMES = {
    "memory_bytes": resource.RLIMIT_AS,
    "data_bytes": resource.RLIMIT_DATA,
    "descriptors": resource.RLIMIT_NOFILE,
    "file_bytes": resource.RLIMIT_FSIZE,
    "pids": resource.RLIMIT_NPROC,
    "queue_bytes": resource.RLIMIT_MSGQUEUE,
    "locked_bytes": resource.RLIMIT_MEMLOCK,
    "cpu_seconds": resource.RLIMIT_CPU,
    "core_bytes": resource.RLIMIT_CORE,
}


def apply(limits: Mapping[str, int]) -> None:
    """Set each, soft and hard, and never above what holds already; raises ``OSError``.

    ``pids`` does not bind uid 0, and counts all threads of the uid in its user namespace;
    ``more_pids`` is how many there may be besides those that there are now.
    """
    for name, value in limits.items():
        if name == "more_pids":
            name, value = "pids", value + _tasks_of(os.getuid())  # noqa: PLW2901
        kind = _NAMES[name]
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


def _tasks_of(uid: int) -> int:
    found = 0
    for name in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - no pathlib in there
        with suppress(OSError):
            if os.stat(f"/proc/{name}").st_uid == uid:  # noqa: PTH116
                found += os.stat(f"/proc/{name}/task").st_nlink - 2  # noqa: PTH116
    return found

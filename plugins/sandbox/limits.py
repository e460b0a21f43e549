"""Bounds that Linux keeps for each process by itself."""

from __future__ import annotations

import resource
from collections.abc import Mapping

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

    ``pids`` does not bind uid 0, and counts all processes of the uid.
    """
    for name, value in limits.items():
        kind = _NAMES[name]
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))

"""Which attacks are refused without a word to the host, and by whom: Linux tells it of no such thing."""

from __future__ import annotations

__all__ = ["silent"]

_FILES = "Landlock and the view"
_BOUNDS = "bounds of the process"
_FILTER = "filter, which answers for itself"
_NOTHING = "nothing was there"

_SILENT = {
    "files: read another's file": _FILES,
    "files: read /etc/shadow": _FILES,
    "files: read /etc/passwd": _FILES,
    "files: list ~/.ssh": _FILES,
    "files: list the home folder": _FILES,
    "files: read the host's environment": _FILES,
    "files: read the host's memory": _FILES,
    "files: list the host's descriptors": _FILES,
    "files: read through /proc/self/root": _FILES,
    "files: change its own code": _FILES,
    "files: put json.py beside its own code": _FILES,
    "files: write another's file": _FILES,
    "files: truncate another's file": _FILES,
    "files: remove another's file": _FILES,
    "files: write into /": _FILES,
    "files: leave its cgroup": _FILES,
    "files: rename a file out of its root": _FILES,
    "files: fill /dev/shm": _FILES,
    "files: fill the scratch folder": _BOUNDS,
    "files: fill the inodes": _BOUNDS,
    "files: make a file of 1 TiB": _BOUNDS,
    "memory: 4 GiB of heap": _BOUNDS,
    "memory: 4096 descriptors": _BOUNDS,
    "memory: 600 threads": _BOUNDS,
    "memory: io_uring": _FILTER,
    "network: pass a descriptor": _FILTER,
    "processes: clone3": _FILTER,
    "processes: another filter": _FILTER,
    "processes: use inherited descriptors": _NOTHING,
    "processes: read secrets of the environment": _NOTHING,
}


def silent(name: str) -> str:
    """The layer that refuses this attack silently; empty when the host hears of it. Pure."""
    return _SILENT.get(name, "")

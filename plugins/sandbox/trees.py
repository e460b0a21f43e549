"""What a plugin's processes may have together, as a cgroup bounds it. Pure."""

from __future__ import annotations

import msgspec

from ..manifest.model import Level, Limits
from .given import Given

__all__ = ["Tree", "tree_of"]

_PERIOD = 100_000
"""Microseconds in which a plugin may use its share; Linux takes no share below 1,000 of them."""
_BUBBLEWRAPS = 2
"""Processes of bubblewrap's own around a plugin's."""


class Tree(msgspec.Struct, frozen=True):
    """The cgroup that a process gets: made in ``folder``, with a value for each file of bounds."""

    folder: str
    bounds: dict[str, str]


def tree_of(level: Level, given: Given, limits: Limits) -> Tree | None:
    """The bounds that this host can put on the whole of a plugin; ``None`` without cgroups."""
    if not given.cgroup.there:
        return None
    bounds: dict[str, str] = {}
    if "memory" in given.cgroup_controllers:
        bounds["memory.max"] = str(limits.resident_bytes)
        bounds["memory.swap.max"] = "0"
        bounds["memory.oom.group"] = "1"  # half of a plugin is none
    if "pids" in given.cgroup_controllers:
        pids = limits.pids + (_BUBBLEWRAPS if level == "strict" else 0)
        bounds["pids.max"] = str(pids)
    if "cpu" in given.cgroup_controllers and limits.processors:
        bounds["cpu.max"] = f"{max(1000, round(limits.processors * _PERIOD))} {_PERIOD}"
    return Tree(given.cgroup_path, bounds)

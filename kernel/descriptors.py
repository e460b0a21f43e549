"""How many connections a process has descriptors for: those that it may open, and some for itself."""

from __future__ import annotations

import resource
from typing import NamedTuple

__all__ = ["Room", "room_for", "take_room"]

RESERVED = 512
"""Descriptors for all else: the journal, plugins, agents, Redis, and the daemon's own user."""


class Room(NamedTuple):
    """The soft limit to set, and the connections that fit in."""

    soft: int
    connections: int


def room_for(connections: int, soft: int, hard: int) -> Room:
    """What ``connections`` take; fewer where the hard limit allows no more. Pure."""
    wanted = connections + RESERVED
    if resource.RLIM_INFINITY in (soft, hard):
        return Room(soft if soft == resource.RLIM_INFINITY else max(soft, wanted), connections)
    raised = max(soft, min(wanted, hard))
    left = raised - RESERVED if raised > 2 * RESERVED else raised // 2
    return Room(raised, max(1, min(connections, left)))


def take_room(connections: int) -> int:
    """Raise this process's soft limit as far as it takes and may go; how many connections fit in."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = room_for(connections, soft, hard)
    if room.soft != soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (room.soft, hard))
    return room.connections

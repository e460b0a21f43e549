"""What readers make of Redis' answers, in the shape of either protocol. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import redis

from ..wire import ObservedEvent
from .cursor import read_entry

__all__ = ["denied", "entries", "first", "published"]


def denied(reply: Any) -> bool:
    """Whether the user may not do what was asked."""
    return isinstance(reply, redis.exceptions.NoPermissionError)


def entries(reply: Any) -> Sequence[Any]:
    """The entries of the one stream that was read; RESP3 answers a map, RESP2 a list of pairs."""
    if isinstance(reply, Mapping):
        return next(iter(reply.values()), ())
    return reply[0][1] if reply else ()


def first(reply: Any) -> tuple[int, ObservedEvent | None] | None:
    """The ``seq`` and event of the one entry that was asked for, if there is one."""
    if not reply:
        return None
    (seq, _), event = read_entry(reply[0])
    return seq, event


def published(message: Any) -> bytes | None:
    """The payload of a message to a pattern; ``None`` for any other answer."""
    kind = message[0] if isinstance(message, (list, tuple)) and len(message) == 4 else None
    return bytes(message[3]) if kind == b"pmessage" else None

"""Replies in one shape, whichever protocol the server speaks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["mapping", "streams"]


def streams(reply: Any, **_: Any) -> list[list[Any]]:
    """``[[stream, [(id, fields), …]], …]`` of what XREAD and XREADGROUP answer; empty for nothing.

    RESP3 answers a map of streams, RESP2 a list of pairs.
    """
    pairs = reply.items() if isinstance(reply, Mapping) else reply or ()
    return [[name, [_entry(*entry) for entry in entries]] for name, entries in pairs]


def mapping(reply: Any, **_: Any) -> dict[Any, Any]:
    """A map, which RESP2 answers as a list of keys and values in turn."""
    if isinstance(reply, Mapping):
        return dict(reply)
    found = list(reply or ())
    return dict(zip(found[::2], found[1::2], strict=True))


def _entry(id: Any, fields: Any, *more: Any) -> tuple[Any, ...]:
    return (id, None if fields is None else mapping(fields), *more)

"""What a call of a tool says before its end, as a client reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from retinue.bus.errors import Unavailable

from .transport import Lines, problem

__all__ = ["CallBegun", "CallChunk", "CallEvent", "CallProgress", "CallResult", "told"]


class CallBegun(msgspec.Struct, frozen=True):
    """The call is on its way. ``id`` is the ``cause`` of its events, which are at ``follow``."""

    id: str
    tool: str
    follow: str = ""


class CallChunk(msgspec.Struct, frozen=True):
    """A piece of its output. ``seq`` is a cursor: who lost the connection goes on after it."""

    value: Any
    seq: int = 0


class CallProgress(msgspec.Struct, frozen=True):
    """How far it is, ``done`` of ``total`` (0: unknown). ``seq`` is a cursor."""

    done: float
    total: float = 0.0
    note: str = ""
    seq: int = 0


class CallResult(msgspec.Struct, frozen=True):
    """What it gave back: the last of what it says."""

    tool: str
    result: Any


CallEvent = CallBegun | CallChunk | CallProgress | CallResult

_KINDS: dict[bytes, Any] = {
    b"call": CallBegun,
    b"chunk": CallChunk,
    b"progress": CallProgress,
    b"result": CallResult,
}


def told(lines: Lines) -> Iterator[CallEvent]:
    """The events of a call, up to its result; raises the problem that is its end instead.

    Raises ``Unavailable`` when the stream ends before the call does.
    """
    begun, name, seq = "", b"", 0
    for line in lines:
        field, _, value = line.partition(b": ")
        if field == b"event":
            name = value
        elif field == b"id":
            seq = int(value)
        elif field == b"data":
            event = _event(name, value, seq)
            if isinstance(event, CallBegun):
                begun = event.id
            if event is not None:
                yield event
            if isinstance(event, CallResult):
                return
    raise Unavailable(
        f"the connection ended before the call {begun} did: its events have it as their cause, "
        f"and those after {seq} did not come"
    )


def _event(name: bytes, data: bytes, seq: int) -> CallEvent | None:
    if name == b"error":
        raise problem(500, data)
    kind = _KINDS.get(name)
    if kind is None:  # of a later version
        return None
    event: CallEvent = msgspec.json.decode(data, type=kind)
    if isinstance(event, (CallChunk, CallProgress)):
        return msgspec.structs.replace(event, seq=seq)
    return event

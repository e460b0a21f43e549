"""The first place where a replay is not what was recorded, by event and field. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from retinue.bus.envelope import Envelope

__all__ = ["ABSENT", "Difference", "Divergence", "difference", "differences", "shown"]

ABSENT = "(nothing)"
"""Stands for a value that one of the two sides does not have."""

MAX_SHOWN = 200


class Difference(msgspec.Struct, frozen=True):
    """A field (``args.query``), and what each side has there as JSON text."""

    field: str
    recorded: str
    replayed: str


class Divergence(msgspec.Struct, frozen=True):
    """The event that differs, as recorded: ``seq`` is 0 for one that was never recorded."""

    seq: int
    type: str
    task: str
    field: str
    recorded: str
    replayed: str

    def __str__(self) -> str:
        place = f"seq {self.seq} {self.type}" if self.seq else f"after the record: {self.type}"
        field = f" {self.field}" if self.field else ""
        return f"{place}{field}: recorded {self.recorded}, replayed {self.replayed}"


def difference(recorded: Envelope, replayed: Envelope) -> Difference | None:
    """The first field that differs: the type, then the body in its own order, then the header."""
    if recorded == replayed:
        return None
    if recorded.type != replayed.type:
        return Difference("type", recorded.type, f"{replayed.type} {shown(_body(replayed))}")
    found = _in_bodies(recorded, replayed)
    if found is not None:
        return found
    for field in ("run", "task", "agent", "cause", "sender", "trace", "time", "deadline", "id"):
        ours, theirs = getattr(recorded, field), getattr(replayed, field)
        if ours != theirs:
            return Difference(field, shown(ours), shown(theirs))
    return Difference("body", shown(recorded.body.decode()), shown(replayed.body.decode()))


def shown(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    if value == ABSENT:
        return ABSENT
    text: str = msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text)} characters)"


def differences(ours: Any, theirs: Any) -> list[Difference]:
    """Every field in which two bodies differ, in the order of the first."""
    return [Difference(path, shown(a), shown(b)) for path, a, b in _within(ours, theirs, "")]


def _in_bodies(recorded: Envelope, replayed: Envelope) -> Difference | None:
    if recorded.body == replayed.body:
        return None
    found = next(_within(_body(recorded), _body(replayed), ""), None)
    if found is None:
        return None
    path, ours, theirs = found
    return Difference(path, shown(ours), shown(theirs))


def _within(ours: Any, theirs: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """The paths at which two JSON values differ, with both values."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            inner = f"{path}.{key}" if path else key
            yield from _within(ours.get(key, ABSENT), theirs.get(key, ABSENT), inner)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for at, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            yield from _within(a, b, f"{path}[{at}]")
    elif ours != theirs or type(ours) is not type(theirs):
        yield path, ours, theirs


def _body(envelope: Envelope) -> Any:
    try:
        return msgspec.json.decode(envelope.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return envelope.body.decode("utf-8", "replace")

"""A recording with some of its answers changed: what would have become of the run then? Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from retinue.bus.envelope import Event
from retinue.bus.errors import InvalidInput, NotFound

from .recording import Recording

__all__ = ["changed"]

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def changed(recording: Recording, changes: Mapping[int, Mapping[str, Any]]) -> Recording:
    """The recording with fields of events set, by ``seq`` and path (``result.items[0]``).

    A changed event is no divergence itself; what follows from it is. Raises ``NotFound`` for an
    event that is not the run's, ``InvalidInput`` for a path that leads nowhere.
    """
    known = {event.seq for event in recording.events}
    for seq in changes:
        if seq not in known:
            raise NotFound(f"event {seq} is none of run {recording.run}: see `retinue log --run`")
    events = [_with(event, changes.get(event.seq, {})) for event in recording.events]
    around = [event for event in recording.timeline if event.run != recording.run]
    return Recording(recording.run, events, around, frozenset(changes))


def _with(event: Event, fields: Mapping[str, Any]) -> Event:
    if not fields:
        return event
    body = event.data
    for path, value in fields.items():
        _set(body, _parts(path), value, f"event {event.seq} ({event.type}) has no field {path!r}")
    envelope = msgspec.structs.replace(event.envelope, body=msgspec.json.encode(body))
    return Event(event.seq, envelope)


def _parts(path: str) -> Sequence[str | int]:
    return [int(index) if index else name for name, index in _PART.findall(path)]


def _set(body: Any, parts: Sequence[str | int], value: Any, refusal: str) -> None:
    try:
        for part in parts[:-1]:
            body = body[part]
        body[parts[-1]]
    except (LookupError, TypeError) as error:
        raise InvalidInput(
            f"{refusal}: `retinue log --run RUN --json` shows what it has"
        ) from error
    body[parts[-1]] = value

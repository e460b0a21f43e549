"""What the kernel and its observers say to each other beside the events: JSON Schema."""

from __future__ import annotations

from .events import Schema

__all__ = ["CONTROL"]

_SEQ: Schema = {"type": "integer", "minimum": 0}
_SECONDS: Schema = {"type": "number", "minimum": 0}

CONTROL: dict[str, Schema] = {
    "heartbeat": {
        "title": "Heartbeat",
        "description": "The kernel publishes, also while nothing happens. A reader that heard "
        "neither an event nor this for three times `every` seconds is not live.",
        "type": "object",
        "properties": {
            "seq": _SEQ | {"description": "The newest event that was published."},
            "time": _SECONDS | {"description": "Seconds since the epoch."},
            "state": {"enum": ["live", "closing"]},
            "every": _SECONDS | {"description": "Seconds to the next one."},
        },
        "required": ["seq", "time", "state", "every"],
    },
    "fill": {
        "title": "Request for events",
        "description": "An observer asks for the events `first` to `last`, both included.",
        "type": "object",
        "properties": {
            "id": {
                "type": "string",
                "pattern": "^[0-9a-f]{32}$",
                "description": "Random; names the list that the answer is put on.",
            },
            "first": {"type": "integer", "minimum": 1},
            "last": {"type": "integer", "minimum": 1},
            "run": {"type": "string", "description": "Only this run's events; empty for all."},
        },
        "required": ["id", "first", "last"],
    },
    "fill.page": {
        "title": "Page of events",
        "description": "The first element of the answer's list; the events follow it, in order, "
        "each in the form that it has in the stream.",
        "type": "object",
        "properties": {
            "first": _SEQ,
            "last": _SEQ,
            "missing": {
                "type": "array",
                "items": {"type": "array", "items": _SEQ, "minItems": 2, "maxItems": 2},
                "description": "Ranges, both ends included, that nobody has any more.",
            },
            "next": {
                "anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}],
                "description": "Where the next page begins; null when this is the last.",
            },
        },
        "required": ["first", "last", "missing", "next"],
    },
    "fill.later": {
        "title": "Refusal for now",
        "description": "Too many pages are asked for: ask again after so many seconds.",
        "type": "object",
        "properties": {"retry_after": _SECONDS},
        "required": ["retry_after"],
    },
}
"""By the name of the message."""

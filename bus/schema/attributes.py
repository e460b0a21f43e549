"""The attributes of an event on the wire: what CloudEvents names, and Retinue's extensions."""

from __future__ import annotations

from typing import Any

__all__ = ["ATTRIBUTES", "REQUIRED"]

_NUMBER = "^[0-9]{16,}$"

ATTRIBUTES: dict[str, dict[str, Any]] = {
    "specversion": {"const": "1.0", "description": "Always `1.0`."},
    "id": {
        "type": "string",
        "minLength": 1,
        "description": "The event's own id, unique over all starts of the kernel.",
    },
    "source": {
        "type": "string",
        "pattern": "^retinue:[a-z0-9][a-z0-9_.-]*$",
        "description": "`retinue:` and the kernel's name.",
    },
    "type": {
        "type": "string",
        "pattern": "^[a-z]+\\.[a-z_]+$",
        "description": "One of the types below.",
    },
    "time": {
        "type": "string",
        "format": "date-time",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$",
        "description": "When it happened: RFC 3339, in UTC, with milliseconds.",
    },
    "subject": {
        "type": "string",
        "description": "What it is about: the task, or else the agent, or else the run.",
    },
    "sequence": {
        "type": "string",
        "pattern": _NUMBER,
        "description": "The number in the journal: decimal, padded to 16 digits.",
    },
    "run": {
        "type": "string",
        "description": "The run that it belongs to. Absent when there is none.",
    },
    "task": {
        "type": "string",
        "description": "The task that it belongs to. Absent when there is none.",
    },
    "agent": {
        "type": "string",
        "description": "The agent that it belongs to. Absent when there is none.",
    },
    "cause": {
        "type": "string",
        "description": "The id of the message that led to it. Absent when unknown.",
    },
    "traceparent": {
        "type": "string",
        "description": "The W3C trace context. Absent when there is none.",
    },
    "previous": {
        "type": "string",
        "pattern": _NUMBER,
        "description": "The `sequence` of the event mirrored before this one; "
        "absent when that is one less.",
    },
    "data": {
        "type": "object",
        "description": "The fields of its type, and the `type` once more.",
    },
    "dataref": {
        "type": "string",
        "description": "Where the daemon's API has the event, given in place of `data` when that "
        "is larger than `observers.payload_bytes`: `/v1/events/SEQ`.",
    },
    "databytes": {
        "type": "integer",
        "minimum": 0,
        "description": "How many bytes the `data` has that is not given here.",
    },
    "coalesced": {
        "type": "integer",
        "minimum": 2,
        "description": "How many events this one stands for: their texts joined, with the id and "
        "the number of the last. Absent when it is one.",
    },
}
"""JSON Schema of each attribute; the description says when it is absent."""

REQUIRED = ("specversion", "id", "source", "type", "time", "sequence")
"""Those that every event has; with them goes ``data``, or a reference to it."""

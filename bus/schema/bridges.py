"""The same events over the daemon's HTTP server: frames of the WebSockets, and the event stream."""

from __future__ import annotations

from typing import Any

from ..messages import EVENTS
from .dialects import AGENT_EVENTS, LIVE_LOG, ORCHESTRATOR_EVENTS
from .events import Schema

__all__ = ["BRIDGES", "FRAMES"]

_TEXT: Schema = {"type": "string"}
_CURSOR: Schema = {
    "type": "string",
    "pattern": "^(now|start|[1-9][0-9]*)$",
    "default": "now",
    "description": "`now`, `start` or the first sequence number wanted.",
}
_QUERY: Schema = {
    "type": "object",
    "properties": {
        "from": _CURSOR,
        "run": _TEXT,
        "agent": _TEXT,
        "type": _TEXT | {"description": "A glob over types; may be repeated."},
    },
}


def _log_payload() -> Schema:
    shown = ("category", "message", "metadata", "tool_name", "args", "duration_ms")
    properties = LIVE_LOG["properties"]
    return {
        "type": "object",
        "properties": {name: properties[name] for name in shown},
        "required": ["category", "message", "metadata"],
    }


FRAMES: dict[str, Schema] = {
    "gap": {
        "title": "Gap",
        "description": "Events that this client did not get, `first` to `last`, both included.",
        "type": "object",
        "properties": {
            "first": {"type": "integer", "minimum": 1},
            "last": {"type": "integer", "minimum": 1},
        },
        "required": ["first", "last"],
    },
    "log_event": {
        "title": "Log event",
        "description": "A message of live-logs, for a console that watches one run.",
        "type": "object",
        "properties": {
            "type": {"const": "log_event"},
            "agent_id": _TEXT,
            "payload": _log_payload(),
            "timestamp": _TEXT | {"format": "date-time"},
        },
        "required": ["type", "agent_id", "payload", "timestamp"],
    },
    "state_update": {
        "title": "State of a run",
        "description": "Every 250 ms while the run changes.",
        "type": "object",
        "properties": {
            "type": {"const": "state_update"},
            "state": {"type": "object"},
            "topology": {"type": "object"},
        },
        "required": ["type", "state", "topology"],
    },
}
"""By the name of the message."""


def _websocket(
    name: str, address: str, title: str, says: str, messages: tuple[str, ...], **more: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "address": address,
        "title": title,
        "description": says,
        "messages": messages,
        "actions": ("send",),
        "servers": ("websocket",),
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
        **more,
    }


BRIDGES: tuple[dict[str, Any], ...] = (
    {
        "name": "eventStream",
        "address": "/v1/events",
        "title": "Events as server-sent events",
        "description": "With `Accept: text/event-stream`. The `id` of each is its sequence number: "
        "a client that comes back sends it as `Last-Event-ID`, and goes on after it.",
        "messages": (*EVENTS, "gap"),
        "actions": ("send",),
        "servers": ("http",),
        "bindings": {"http": {}},
    },
    _websocket(
        "eventsSocket",
        "/events",
        "Dialect agent-events over a WebSocket",
        "Each entry's JSON as it is.",
        tuple(f"agent-events.{name}" for name in AGENT_EVENTS),
    ),
    _websocket(
        "runSocket",
        "/ws/runs/{run}",
        "One run over a WebSocket",
        "What a console shows of one run.",
        ("log_event", "state_update"),
        parameters={"run": {"description": "The run's id."}},
    ),
    _websocket(
        "orchestratorSocket",
        "/ws/orchestrator",
        "Dialect orchestrator-events over a WebSocket",
        "Each message as it is.",
        tuple(f"orchestrator-events.{name}" for name in ORCHESTRATOR_EVENTS),
    ),
)
"""Fields of ``channels.Channel``."""

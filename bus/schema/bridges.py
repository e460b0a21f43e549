"""The same events over the daemon's HTTP server: the event stream, and frames of the WebSockets."""

from __future__ import annotations

from typing import Any

from ..messages import EVENTS
from .dialects import AGENT_EVENTS, LIVE_LOG, ORCHESTRATOR_EVENTS
from .events import Schema

__all__ = ["BRIDGES", "FRAMES"]

_TEXT: Schema = {"type": "string"}
_SEQ: Schema = {"type": "integer", "minimum": 1}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TIME: Schema = {"type": ["number", "null"], "description": "Seconds since the epoch."}
_TEXTS: Schema = {"type": "array", "items": _TEXT}


def _object(title: str, says: str, required: dict[str, Any], **optional: Any) -> Schema:
    return {
        "title": title,
        "description": says,
        "type": "object",
        "properties": required | optional,
        "required": list(required),
    }


_WANTED: dict[str, Schema] = {
    "from": _TEXT
    | {
        "pattern": "^(now|start|[1-9][0-9]{0,17})$",
        "description": "`now`, `start` or the first sequence number that is wanted.",
    },
    "run": _TEXT,
    "agent": _TEXT,
    "type": _TEXTS | {"description": "Globs over types: the kernel's, or the dialect's."},
    "rate": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 100_000,
        "description": "How many events a second are sent at most.",
    },
    "seq": {
        "type": "boolean",
        "description": "Each message has the `seq` of its event: a cursor.",
    },
}
_LOG = ("category", "message", "metadata", "tool_name", "args", "duration_ms")

FRAMES: dict[str, Schema] = {
    "gap": _object(
        "Gap",
        "Events that this client does not get, `first` to `last`, both included.",
        {
            "type": {"const": "gap"},
            "first": _SEQ,
            "last": _SEQ,
            "reason": {
                "enum": ["slow", "trimmed", "large"],
                "description": "The client read too slowly, the journal has them no more, or one "
                "fits no frame.",
            },
            "dropped": {
                "type": ["integer", "null"],
                "minimum": 0,
                "description": "How many of them were wanted, where that is known.",
            },
            "how_to_fill": _TEXT | {"description": "The request that gives them."},
        },
    ),
    "log_event": _object(
        "Log event",
        "A message of live-logs, for a console that watches one run.",
        {
            "type": {"const": "log_event"},
            "agent_id": _TEXT,
            "payload": _object(
                "What is said",
                "As in live-logs.",
                {name: LIVE_LOG["properties"][name] for name in _LOG[:3]},
                **{name: LIVE_LOG["properties"][name] for name in _LOG[3:]},
            ),
            "timestamp": _TEXT | {"format": "date-time"},
        },
        seq=_SEQ,
    ),
    "state_update": _object(
        "State of a run",
        "Every 250 ms while the run changes.",
        {
            "type": {"const": "state_update"},
            "state": _object(
                "State",
                "The run at a glance.",
                {
                    "run_id": _TEXT,
                    "status": _TEXT,
                    "started": _TIME,
                    "ended": _TIME,
                    "tasks": {"type": "object", "additionalProperties": _COUNT},
                    "active_agents": _TEXTS,
                    "completed_agents": _TEXTS,
                    "failed_agents": _TEXTS,
                    "seq": _COUNT,
                },
            ),
            "topology": _object(
                "Topology",
                "Its newest tasks, and which submitted which.",
                {
                    "nodes": {"type": "array", "items": {"type": "object"}},
                    "edges": {"type": "array", "items": {"type": "object"}},
                    "omitted": _COUNT,
                },
            ),
        },
    ),
    "subscribe": _object(
        "Change of what is listened to",
        "What is left out is as it was.",
        {"subscribe": {"type": "object", "properties": _WANTED}},
    ),
    "subscribed": _object(
        "Answer to a change",
        "The next events come after `cursor`.",
        {"type": {"const": "subscribed"}, "cursor": _COUNT},
    ),
    "problem": _object(
        "Problem",
        "What was wrong with a message, or why this is the end (RFC 9457).",
        {"type": {"const": "problem"}, "problem": {"type": "object"}},
    ),
}
"""By the name of the message."""


def _socket(
    name: str, address: str, title: str, says: str, messages: tuple[str, ...], **more: Any
) -> dict[str, Any]:
    query = {"type": "object", "properties": _WANTED}
    return {
        "name": name,
        "address": address,
        "title": title,
        "description": f"{says} A client may change what it listens to with a message `subscribe`.",
        "messages": (*messages, "gap", "problem", "subscribed"),
        "hears": ("subscribe",),
        "actions": ("send", "receive"),
        "servers": ("websocket",),
        "bindings": {"ws": {"method": "GET", "query": query, "bindingVersion": "0.1.0"}},
        **more,
    }


BRIDGES: tuple[dict[str, Any], ...] = (
    {
        "name": "eventStream",
        "address": "/v1/events",
        "title": "Events as server-sent events",
        "description": "With `Accept: text/event-stream`. The `id` of each is its sequence number: "
        "a client that comes back sends it as `Last-Event-ID`, and goes on after it. Without that "
        "header, JSON lines. The parameters are in the HTTP API's own description.",
        "messages": (*EVENTS, "gap"),
        "actions": ("send",),
        "servers": ("http",),
        "bindings": {"http": {}},
    },
    _socket(
        "eventsSocket",
        "/events",
        "Dialect agent-events over a WebSocket",
        "Each entry's JSON as it is.",
        tuple(f"agent-events.{name}" for name in AGENT_EVENTS),
    ),
    _socket(
        "runSocket",
        "/ws/runs/{run}",
        "One run over a WebSocket",
        "What a console shows of one run.",
        ("log_event", "state_update"),
        parameters={"run": {"description": "The run's id."}},
    ),
    _socket(
        "orchestratorSocket",
        "/ws/orchestrator",
        "Dialect orchestrator-events over a WebSocket",
        "Each message as it is.",
        tuple(f"orchestrator-events.{name}" for name in ORCHESTRATOR_EVENTS),
    ),
)
"""Fields of ``channels.Channel``."""

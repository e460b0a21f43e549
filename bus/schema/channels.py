"""Where a kernel's messages are found: each channel with what is on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..messages import EVENTS
from ..topics import channel, fill_channel, fill_key, heartbeat_key, stream
from .bridges import BRIDGES
from .dialects import AGENT_EVENTS, ORCHESTRATOR_EVENTS
from .events import Schema

__all__ = ["Channel", "Names", "channels"]


class Names(NamedTuple):
    """What an operator may call things: the kernel, and the channels and key of the dialects."""

    kernel: str = "main"
    live_logs: str = "raro:live_logs"
    agent_events: str = "agent_events"
    orchestrator_events: str = "orchestrator_events"


class Channel(NamedTuple):
    """One channel of the document.

    ``messages`` are names of messages, ``actions`` what the kernel does there (``send``,
    ``receive``), ``hears`` what it receives where that is something else, ``redis`` what a client
    of Redis has to do, ``bindings`` those of AsyncAPI.
    """

    name: str
    address: str
    title: str
    description: str
    messages: Sequence[str]
    actions: Sequence[str]
    servers: Sequence[str] = ("redis",)
    parameters: dict[str, Schema] = {}
    redis: dict[str, Any] = {}
    bindings: dict[str, Any] = {}
    hears: Sequence[str] = ()


def channels(names: Names) -> list[Channel]:
    """Every channel: Redis first, the bridges last."""
    return [
        *_carried(names.kernel),
        *_control(names.kernel),
        *_dialects(names),
        *(Channel(**bridge) for bridge in BRIDGES),
    ]


def _carried(kernel: str) -> list[Channel]:
    return [
        _channel(
            "events",
            channel(kernel, "{run}", "{type}"),
            "Events, live",
            "Each event as it happens. A hint, as pub/sub is: what a reader must not miss it "
            "reads from the stream.",
            tuple(EVENTS),
            ("send",),
            redis={
                "kind": "pubsub",
                "subscribe": f"PSUBSCRIBE {channel(kernel, '*', '*')}",
            },
            parameters=_EVENT_PARAMETERS,
        ),
        _channel(
            "log",
            stream(kernel),
            "Events, from a cursor",
            "The same events in the journal's order, for as long as the stream goes back. An "
            "entry's id is SEQ-0.",
            tuple(EVENTS),
            ("send",),
            redis={
                "kind": "stream",
                "subscribe": f"XREAD BLOCK 5000 STREAMS {stream(kernel)} SEQ-0",
                "fields": {
                    "seq": "the number in the journal",
                    "event": "the message",
                    "form": "msgpack where the message is not JSON",
                },
            },
        ),
    ]


def _control(kernel: str) -> list[Channel]:
    return [
        _channel(
            "heartbeat",
            heartbeat_key(kernel),
            "Heartbeat",
            "Once a second, also while nothing happens. The key of this name holds the last one, "
            "for as long as the kernel lives.",
            ("heartbeat",),
            ("send",),
            redis={"kind": "pubsub and key", "subscribe": f"SUBSCRIBE {heartbeat_key(kernel)}"},
        ),
        _channel(
            "fill",
            fill_channel(kernel),
            "Requests for events",
            "An observer asks the kernel for events that it missed, and takes the answer from a "
            "list.",
            ("fill",),
            ("receive",),
            redis={"kind": "pubsub", "publish": f"PUBLISH {fill_channel(kernel)} REQUEST"},
        ),
        _channel(
            "filled",
            fill_key(kernel, "{id}"),
            "Answers to requests for events",
            "One page: its header, then the events. The list is gone after 30 seconds.",
            ("fill.page", "fill.later", *EVENTS),
            ("send",),
            redis={"kind": "list", "take": f"BLPOP {fill_key(kernel, 'ID')} 5"},
            parameters={"id": {"description": "The `id` of the request."}},
        ),
    ]


def _dialects(names: Names) -> list[Channel]:
    return [
        _channel(
            "liveLogs",
            names.live_logs,
            "Dialect live-logs",
            "Tool calls, results and thoughts; with `observers.dialects.live_logs.enabled`. What "
            "other programs publish here becomes events of the kernel, with `inbound`.",
            ("live-log",),
            ("send", "receive"),
            redis={"kind": "pubsub", "subscribe": f"SUBSCRIBE {names.live_logs}"},
        ),
        _channel(
            "agentEvents",
            names.agent_events,
            "Dialect agent-events",
            "Steps, model calls and tool calls; with `observers.dialects.agent_events.enabled`.",
            tuple(f"agent-events.{name}" for name in AGENT_EVENTS),
            ("send",),
            redis={
                "kind": "stream",
                "subscribe": f"XREAD BLOCK 5000 STREAMS {names.agent_events} ID",
                "fields": {"json": "the message"},
            },
        ),
        _channel(
            "orchestratorEvents",
            names.orchestrator_events,
            "Dialect orchestrator-events",
            "Text, tool calls and thoughts; with `observers.dialects.orchestrator_events.enabled`.",
            tuple(f"orchestrator-events.{name}" for name in ORCHESTRATOR_EVENTS),
            ("send",),
            redis={"kind": "pubsub", "subscribe": f"SUBSCRIBE {names.orchestrator_events}"},
        ),
    ]


_BRACES = re.compile(r"\{[^{}]*\}")
_EVENT_PARAMETERS: dict[str, Schema] = {
    "run": {
        "description": "The run's id; `-` for an event that belongs to no run.",
        "location": "$message.payload#/run",
    },
    "type": {
        "description": "The event's type.",
        "enum": sorted(EVENTS),
        "location": "$message.payload#/type",
    },
}


def _channel(
    name: str,
    said: str,
    title: str,
    description: str,
    messages: Sequence[str],
    actions: Sequence[str],
    *,
    redis: dict[str, Any],
    parameters: dict[str, Schema] | None = None,
) -> Channel:
    """A channel on Redis. AsyncAPI takes braces for a parameter: the literal ones become one."""
    literal = _BRACES.search(said)
    found = dict(parameters or {})
    if literal:
        found = {"kernel": _literally(literal[0])} | found
        said = said.replace(literal[0], "{kernel}", 1)
    return Channel(
        name,
        said,
        title,
        description,
        messages,
        actions,
        parameters=found,
        redis=redis,
        bindings={"redis": {}},
    )


def _literally(text: str) -> Schema:
    return {
        "description": "The kernel's name, in braces that are part of the address.",
        "enum": [text],
        "default": text,
    }

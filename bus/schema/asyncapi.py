"""An AsyncAPI 3.0 document of everything that a kernel says to observers, and hears from them."""

from __future__ import annotations

from typing import Any

from ..messages import EVENTS
from .bridges import FRAMES
from .channels import Channel, Names, channels
from .control import CONTROL
from .dialects import AGENT_EVENTS, LIVE_LOG, ORCHESTRATOR_EVENTS
from .events import Schema, envelopes, payloads

__all__ = ["asyncapi"]

_REF = "#/components/schemas/{name}"
_VERBS = {"send": "send", "receive": "hear"}


def asyncapi(version: str, names: Names | None = None) -> Schema:
    """The document for a kernel of that version, which calls things by ``names``."""
    every = channels(names or Names())
    return {
        "asyncapi": "3.0.0",
        "info": _info(version),
        "defaultContentType": "application/json",
        "servers": _SERVERS,
        "channels": {one.name: _channel(one) for one in every},
        "operations": dict(_operation(one, action) for one in every for action in one.actions),
        "components": {
            "messages": _messages(),
            "schemas": _schemas(),
            "securitySchemes": _SECURITY,
        },
    }


def _info(version: str) -> Schema:
    return {
        "title": "Retinue",
        "version": version,
        "description": "What a kernel tells its observers: every event, live and from a cursor, "
        "over Redis and over HTTP, and the dialects of other consumers.\n\nThe journal is the "
        "truth, the stream is for catching up, and pub/sub is a hint. A reader keeps the "
        "`sequence` that it saw last as its cursor; where an event's `previous` (or the sequence "
        "below its own) is beyond the cursor, what lies between is a gap. Readers ignore types, "
        "attributes and fields that they do not know.",
        "license": {"name": "Apache-2.0"},
    }


def _channel(one: Channel) -> Schema:
    said = (*one.messages, *one.hears)
    found: Schema = {
        "address": one.address,
        "title": one.title,
        "description": one.description,
        "servers": [{"$ref": f"#/servers/{name}"} for name in one.servers],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in said},
        "bindings": one.bindings,
    }
    if one.parameters:
        found["parameters"] = one.parameters
    if one.redis:
        found["x-redis"] = one.redis
    return found


def _operation(one: Channel, action: str) -> tuple[str, Schema]:
    found: Schema = {
        "action": action,
        "channel": {"$ref": f"#/channels/{one.name}"},
        "title": one.title,
        "bindings": {protocol: {} for protocol in one.bindings},
    }
    if one.hears:
        messages = one.hears if action == "receive" else one.messages
        place = f"#/channels/{one.name}/messages"
        found["messages"] = [{"$ref": f"{place}/{name}"} for name in messages]
    if one.name == "fill":
        found["reply"] = {"channel": {"$ref": "#/channels/filled"}}
    return f"{_VERBS[action]}{one.name[0].upper()}{one.name[1:]}", found


def _messages() -> dict[str, Schema]:
    events = {
        name: _message(name, name, kind.__doc__ or "") | {"tags": [{"name": name.split(".")[0]}]}
        for name, kind in EVENTS.items()
    }
    return events | {
        name: _message(name, schema["title"], schema["description"])
        for name, schema in _others().items()
    }


def _message(name: str, title: str, says: str) -> Schema:
    return {
        "name": name,
        "title": title,
        "summary": " ".join(says.split("\n\n", maxsplit=1)[0].replace("``", "`").split()),
        "payload": {"$ref": _REF.format(name=name)},
        "bindings": {"redis": {}},
    }


def _schemas() -> dict[str, Schema]:
    return envelopes(EVENTS, _REF) | payloads(EVENTS.values(), _REF) | _others()


def _others() -> dict[str, Schema]:
    """Every message that is not an event."""
    return {
        **CONTROL,
        "live-log": LIVE_LOG,
        **{f"agent-events.{name}": schema for name, schema in AGENT_EVENTS.items()},
        **{f"orchestrator-events.{name}": schema for name, schema in ORCHESTRATOR_EVENTS.items()},
        **FRAMES,
    }


def _server(protocol: str, default: str, says: str, *security: str) -> dict[str, Any]:
    server: dict[str, Any] = {
        "host": "{address}",
        "protocol": protocol,
        "description": says,
        "variables": {"address": {"description": "Host and port.", "default": default}},
    }
    if security:
        server["security"] = [{"$ref": f"#/components/securitySchemes/{name}"} for name in security]
    return server


_SERVERS = {
    "redis": _server(
        "redis",
        "localhost:6379",
        "The Redis that the kernel mirrors to (`retinue run --redis URL`): also by TLS, by a "
        "Unix socket, through a Sentinel or a Cluster.",
        "redis",
    ),
    "http": _server(
        "http",
        "localhost:8080",
        "The daemon's API (`retinue run --listen HOST:PORT`): on loopback, for every user of the "
        "machine; and on the daemon's Unix socket, for its owner.",
    ),
    "websocket": _server("ws", "localhost:8080", "The same server, for WebSockets."),
}

_SECURITY = {
    "redis": {"type": "userPassword", "description": "An ACL user; see `retinue redis acl`."},
}

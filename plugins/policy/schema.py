"""The schema that rules are checked against, and requests in its terms. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from .model import Request

__all__ = ["SCHEMA", "entities_of", "request_for"]

SCHEMA = """
entity User { name: String };
entity Agent { name: String };
entity Plugin { name: String };
entity Tool in [Plugin] { name: String, effect: String };
entity Domain;
entity Host in [Domain] { name: String };
entity Folder;
entity File in [Folder] { path: String };
entity Service { name: String };

type Chain = { agent: String, user: String, plugins: Set<String> };

action "call" appliesTo {
  principal: [User, Agent, Plugin], resource: [Tool], context: { chain: Chain }
};
action "submit" appliesTo {
  principal: [User, Agent, Plugin], resource: [Agent], context: { chain: Chain }
};
action "load" appliesTo {
  principal: [User], resource: [Plugin],
  context: { chain: Chain, version: String, digest: String, runtime: String }
};
action "fetch" appliesTo {
  principal: [User, Agent, Plugin], resource: [Host],
  context: { chain: Chain, method: String, port: Long }
};
action "read", "write" appliesTo {
  principal: [User, Agent, Plugin], resource: [File], context: { chain: Chain }
};
action "kernel" appliesTo {
  principal: [User, Agent, Plugin], resource: [Service], context: { chain: Chain }
};
"""
"""A host is in each domain above it and in that of its own name, a file in each folder above it."""

_PRINCIPALS = {"user": "User", "agent": "Agent", "plugin": "Plugin"}
_RESOURCES = {
    "call": "Tool",
    "submit": "Agent",
    "load": "Plugin",
    "fetch": "Host",
    "read": "File",
    "write": "File",
    "kernel": "Service",
}
_CONTEXT: dict[str, dict[str, str | int]] = {
    "load": {"version": "", "digest": "", "runtime": ""},
    "fetch": {"method": "GET", "port": 443},
}


def request_for(request: Request, principal: str) -> dict[str, Any]:
    """The request of one principal in Cedar's terms; raises ``ValueError`` for an unknown kind."""
    context = dict(_CONTEXT.get(request.action, {}))
    context.update({key: value for key, value in request.context if key in context})
    return {
        "principal": _uid(*_principal(principal)),
        "action": _uid("Action", request.action),
        "resource": _uid(_RESOURCES[request.action], request.resource),
        "context": {"chain": _chain(request), **context},
    }


def entities_of(request: Request) -> list[dict[str, Any]]:
    """What the rules may look at: the resource with all above it, and the principals."""
    found = {}
    for kind, name in map(_principal, request.principals):
        found[kind, name] = _entity(kind, name, {"name": name})
    kind = _RESOURCES[request.action]
    found[kind, request.resource] = _entity(
        kind, request.resource, _attributes(request, kind), list(_above(kind, request.resource))
    )
    return list(found.values())


def _principal(text: str) -> tuple[str, str]:
    kind, found, name = text.partition(":")
    if not found or not name or kind not in _PRINCIPALS:
        raise ValueError(f"{text!r} is no principal: write agent:NAME, plugin:NAME or user:NAME")
    return _PRINCIPALS[kind], name


def _chain(request: Request) -> dict[str, Any]:
    named: dict[str, list[str]] = {}
    for principal in request.principals:
        kind, _, name = principal.partition(":")
        named.setdefault(kind, []).append(name)
    return {
        "agent": "".join(named.get("agent", [])[:1]),
        "user": "".join(named.get("user", [])[:1]),
        "plugins": sorted(set(named.get("plugin", []))),
    }


def _attributes(request: Request, kind: str) -> dict[str, Any]:
    if kind == "File":
        return {"path": request.resource}
    if kind == "Tool":
        effect = next((value for key, value in request.context if key == "effect"), "once")
        return {"name": request.resource, "effect": effect}
    return {"name": request.resource}


def _above(kind: str, name: str) -> Iterator[dict[str, str]]:
    if kind == "Tool" and "." in name:
        yield _uid("Plugin", name.partition(".")[0])
    elif kind == "Host":
        labels = name.split(".")
        yield from (_uid("Domain", ".".join(labels[at:])) for at in range(len(labels)))
    elif kind == "File":
        yield from (_uid("Folder", str(folder)) for folder in PurePosixPath(name).parents)


def _entity(
    kind: str, name: str, attrs: dict[str, Any], parents: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    return {"uid": _uid(kind, name), "attrs": attrs, "parents": parents or []}


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}

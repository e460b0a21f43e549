"""Which tools and agents are offered, and under which names. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from retinue.bus.views import AgentView, PluginView
from retinue.plugins.mcp.server import Offered

__all__ = ["Catalogue", "Target", "catalogue"]


class Target(msgspec.Struct, frozen=True):
    """What is behind a name."""

    kind: Literal["tool", "agent"]
    name: str


class Catalogue(msgspec.Struct, frozen=True):
    """What clients see, and where each name leads. ``tools`` are the kernel's own names."""

    offered: tuple[Offered, ...]
    targets: dict[str, Target]
    tools: tuple[str, ...]


def catalogue(
    plugins: Iterable[PluginView],
    agents: Iterable[AgentView],
    wanted_tools: Sequence[str],
    wanted_agents: Sequence[str],
    caller: str,
) -> Catalogue:
    """Everything whose name matches one of the globs, but the agent that calls for clients itself.

    Many clients take names of letters, digits, ``_`` and ``-`` alone: ``files.read`` is offered as
    ``files_read``, the agent ``writer`` as ``ask_writer``. Of two that come out the same the first
    stays. A tool that takes a secret is left out: the client's model would have to know it.
    """
    targets: dict[str, Target] = {}
    offered: list[Offered] = []
    for target, about, schema in _all(plugins, agents, caller):
        wanted = wanted_tools if target.kind == "tool" else wanted_agents
        name = _spelt(target)
        if name in targets or not any(fnmatchcase(target.name, glob) for glob in wanted):
            continue
        targets[name] = target
        offered.append(Offered(name, about, {**schema, "type": "object"}))
    offered.sort(key=lambda one: one.name)
    tools = sorted(target.name for target in targets.values() if target.kind == "tool")
    return Catalogue(tuple(offered), targets, tuple(tools))


def _all(
    plugins: Iterable[PluginView], agents: Iterable[AgentView], caller: str
) -> Iterable[tuple[Target, str, dict[str, Any]]]:
    for plugin in plugins:
        for name, about in plugin.tools.items():
            schema: dict[str, Any] = about.get("schema") or {}
            if not _takes_secrets(schema):
                yield Target("tool", name), str(about.get("description", "")), schema
    for agent in agents:
        if agent.name != caller and agent.state != "stopped":
            text = f"Have the agent {agent.name!r} do something, and wait for its result."
            yield Target("agent", agent.name), text, agent.schema


def _spelt(target: Target) -> str:
    plain = "".join(c if (c.isascii() and c.isalnum()) or c in "_-" else "_" for c in target.name)
    return (f"ask_{plain}" if target.kind == "agent" else plain)[:64]


def _takes_secrets(schema: Any) -> bool:
    """Whether ``x-secret`` stands anywhere in it."""
    if isinstance(schema, Mapping):
        return "x-secret" in schema or any(_takes_secrets(part) for part in schema.values())
    return isinstance(schema, list) and any(_takes_secrets(part) for part in schema)

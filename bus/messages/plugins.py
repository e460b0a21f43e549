"""Plugins: what can be added."""

from __future__ import annotations

from msgspec import Raw

from .base import Command, Event

__all__ = [
    "InvokeTool",
    "PluginExited",
    "PluginFailed",
    "PluginGranted",
    "PluginLoaded",
    "PluginLogged",
    "PluginQuarantined",
    "PluginRevoked",
    "PluginStarted",
    "PluginUnloaded",
]


class InvokeTool(Command, frozen=True):
    """To the PluginManager: call a tool outside any task, as an operator."""

    tool: str
    args: Raw


class PluginGranted(Event, frozen=True, tag="plugin.granted"):
    """An operator allowed a plugin what ``permissions`` say, and no more.

    It holds for this name, version and content alone: ``digest`` is the SHA-256, in hex, of all the
    plugin's files. ``limits`` bound its process.
    """

    name: str
    version: str
    digest: str
    permissions: Raw
    limits: Raw = Raw(b"{}")
    approved_by: str = ""


class PluginRevoked(Event, frozen=True, tag="plugin.revoked"):
    """What was granted to a plugin holds no more; one that runs by it is ended at once."""

    name: str
    digest: str
    reason: str = ""


class PluginLoaded(Event, frozen=True, tag="plugin.loaded"):
    """A plugin and its tools are there. ``digest`` is empty for one that runs in the kernel's process.

    ``offered`` is the SHA-256 of what an MCP server says of its tools: another one is not accepted.
    """

    name: str
    version: str
    tools: tuple[str, ...] = ()
    source: str = "system"
    digest: str = ""
    runtime: str = "python"
    replaced: str = ""
    """The version whose place it took; calls in flight finish there."""
    offered: str = ""


class PluginStarted(Event, frozen=True, tag="plugin.started"):
    """A plugin's process runs behind these ``layers``, as the host has seen; ``level`` names them."""

    name: str
    version: str
    pid: int
    level: str
    layers: tuple[str, ...] = ()
    seconds: float = 0.0


class PluginExited(Event, frozen=True, tag="plugin.exited"):
    """A plugin's process ended unbidden; it starts again ``restart`` seconds later.

    ``seconds`` passed from the kill to the moment when nothing of it was left, where it was killed.
    """

    name: str
    reason: str
    restart: float | None = None
    seconds: float = 0.0


class PluginQuarantined(Event, frozen=True, tag="plugin.quarantined"):
    """A plugin crashed too often; it is not started again until an operator loads it."""

    name: str
    reason: str


class PluginLogged(Event, frozen=True, tag="plugin.logged"):
    """A line that a plugin's process wrote on ``stream``; escaped, and cut."""

    name: str
    stream: str
    line: str


class PluginUnloaded(Event, frozen=True, tag="plugin.unloaded"):
    """A plugin is gone."""

    name: str
    reason: str


class PluginFailed(Event, frozen=True, tag="plugin.failed"):
    """A plugin could not be loaded, or broke."""

    name: str
    cause: str

"""Plugins: what can be added."""

from __future__ import annotations

from msgspec import Raw

from .base import Command, Event

__all__ = ["InvokeTool", "PluginFailed", "PluginLoaded", "PluginUnloaded"]


class InvokeTool(Command, frozen=True):
    """To the PluginManager: call a tool outside any task, as an operator."""

    tool: str
    args: Raw


class PluginLoaded(Event, frozen=True, tag="plugin.loaded"):
    """A plugin and its tools are there."""

    name: str
    version: str
    tools: tuple[str, ...] = ()
    source: str = "system"


class PluginUnloaded(Event, frozen=True, tag="plugin.unloaded"):
    """A plugin is gone."""

    name: str
    reason: str


class PluginFailed(Event, frozen=True, tag="plugin.failed"):
    """A plugin could not be loaded, or broke."""

    name: str
    cause: str

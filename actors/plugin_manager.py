"""The PluginManager: plugin records, their tools, and calls of tools by operators."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from concurrent.futures import Future as LoopFuture
from typing import Any, ClassVar

import msgspec

from retinue.bus.envelope import Envelope
from retinue.bus.errors import InvalidInput, NotFound, RetinueError
from retinue.bus.messages import (
    EventBody,
    PluginFailed,
    PluginLoaded,
    PluginUnloaded,
)
from retinue.bus.views import PluginView
from retinue.plugins import Plugin, Tool
from retinue.plugins.hosting.plugin import HostedPlugin

from .base import KernelActor
from .operator_calls import CancelCall, FollowedCall, OperatorCalls
from .runtime import Future
from .runtime.future import VALUE
from .scribe import Scribe
from .steps import Mirrored
from .toolbox import Toolbox

__all__ = [
    "AdoptHosted",
    "AdoptPlugin",
    "DropHosted",
    "ListPlugins",
    "PluginManager",
    "RefusedPlugin",
]


class AdoptPlugin(msgspec.Struct, frozen=True):
    """A plugin was loaded: take its tools in."""

    plugin: Plugin
    source: str = "system"


class AdoptHosted(msgspec.Struct, frozen=True):
    """A plugin runs in its process: take its tools in, in the place of an older version's.

    Answered, once that is durable, with the plugin whose place it took, which is still to be
    stopped, or with ``None``.
    """

    plugin: HostedPlugin
    digest: str
    runtime: str
    source: str


class DropHosted(msgspec.Struct, frozen=True):
    """Take a hosted plugin's tools out; answered, once that is durable, with it, to be stopped.

    Raises ``NotFound``.
    """

    name: str
    reason: str


class RefusedPlugin(msgspec.Struct, frozen=True):
    """A plugin could not be loaded."""

    name: str
    cause: str


class ListPlugins(msgspec.Struct, frozen=True):
    """Asks for all plugins, as views."""


class PluginManager(KernelActor):
    """A light actor. ``run`` runs a coroutine on the agents' loop."""

    handles: ClassVar = {
        AdoptPlugin: "_adopt",
        AdoptHosted: "_adopt_hosted",
        DropHosted: "_drop_hosted",
        RefusedPlugin: "_refused",
        ListPlugins: "_list",
        "InvokeTool": "_invoke",
        FollowedCall: "_follow",
        CancelCall: "_cancel",
    }

    def __init__(
        self,
        scribe: Scribe,
        toolbox: Toolbox,
        run: Callable[[Coroutine[Any, Any, Any]], LoopFuture[Any]],
        mirrored: Mirrored,
        plugins: dict[str, PluginView],
        hosted: dict[str, HostedPlugin],
    ) -> None:
        """``plugins`` holds the records, ``hosted`` those in processes; both outlive this actor."""
        super().__init__()
        self._scribe = scribe
        self._toolbox = toolbox
        self._calls = OperatorCalls(scribe, toolbox, run, mirrored)
        self._plugins = plugins
        self._hosted = hosted

    def _adopt(self, message: AdoptPlugin) -> None:
        plugin = message.plugin
        self._toolbox.add(plugin.tools)
        self._plugins[plugin.name] = PluginView(
            plugin.name,
            plugin.version,
            message.source,
            "loaded",
            {tool.name: _tool_view(tool) for tool in plugin.tools},
        )
        names = tuple(tool.name for tool in plugin.tools)
        self._write(PluginLoaded(plugin.name, plugin.version, names, message.source))

    def _adopt_hosted(self, message: AdoptHosted) -> Future[Any]:
        plugin, name = message.plugin, message.plugin.name
        if name in self._plugins and name not in self._hosted and self._plugins[name].tools:
            taken = f"a plugin of the kernel's own is named {name!r}: rename yours"
            return self._no(InvalidInput(taken))
        before = self._hosted.get(name)
        try:
            self._toolbox.swap(() if before is None else before.tools, plugin.tools)
        except InvalidInput as error:
            return self._no(error)
        self._hosted[name] = plugin
        self._plugins[name] = PluginView(
            name,
            plugin.version,
            message.source,
            "loaded",
            {tool.name: _tool_view(tool) for tool in plugin.tools},
            runtime=message.runtime,
            digest=message.digest,
        )
        replaced = "" if before is None else before.version
        tools = tuple(tool.name for tool in plugin.tools)
        loaded = PluginLoaded(
            name,
            plugin.version,
            tools,
            message.source,
            message.digest,
            message.runtime,
            replaced,
            plugin.offered if message.runtime == "mcp" else "",
        )
        return self._durable(loaded, before)

    def _drop_hosted(self, message: DropHosted) -> Future[Any]:
        plugin = self._hosted.pop(message.name, None)
        if plugin is None:
            known = ", ".join(sorted(self._hosted)) or "none"
            missing = f"no plugin {message.name!r} was loaded into a process: there are {known}"
            return self._no(NotFound(missing))
        self._toolbox.swap(plugin.tools, ())
        del self._plugins[message.name]
        return self._durable(PluginUnloaded(message.name, message.reason), plugin)

    def _refused(self, message: RefusedPlugin) -> None:
        self._plugins[message.name] = PluginView(
            message.name, "", "system", "failed", {}, message.cause
        )
        self._write(PluginFailed(message.name, message.cause))

    def _list(self, _: ListPlugins) -> list[PluginView]:
        return list(self._plugins.values())

    def _invoke(self, envelope: Envelope) -> Future[Any]:
        """Call a tool for an operator; answered with its result when it returned."""
        reply = self.defer()
        self._calls.start(envelope, reply)
        return reply

    def _follow(self, message: FollowedCall) -> Future[Any]:
        """The same for one who reads its events, and may cancel it."""
        reply = self.defer()
        self._calls.start(message.command, reply, message.written)
        return reply

    def _cancel(self, message: CancelCall) -> bool:
        return self._calls.cancel(message.call, message.reason)

    def _no(self, error: RetinueError) -> Future[Any]:
        """What somebody asked for and cannot have is no failure of this actor."""
        refused: Future[Any] = self.refuse(error)
        return refused

    def _durable(self, body: EventBody, answer: object) -> Future[Any]:
        """Write down what an operator did; he is answered when it outlives the kernel's process."""
        reply = self.defer()
        self._scribe.append([self._scribe.write(body)], lambda _: reply.settle(VALUE, answer))
        return reply

    def _write(self, body: EventBody) -> None:
        self._scribe.append([self._scribe.write(body)])


def _tool_view(tool: Tool) -> dict[str, Any]:
    return {"description": tool.description, "schema": tool.schema, "effect": tool.effect}

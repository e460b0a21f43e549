"""The PluginManager: plugin records, their tools, and calls of tools by operators."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future as LoopFuture
from typing import Any, ClassVar

import msgspec

from retinue.bus.codec import decode
from retinue.bus.envelope import Envelope
from retinue.bus.errors import RetinueError
from retinue.bus.messages import EventBody, InvokeTool, PluginFailed, PluginLoaded
from retinue.bus.views import PluginView
from retinue.plugins import Plugin, Tool

from .base import KernelActor
from .runtime import Future
from .runtime.future import VALUE
from .scribe import Scribe
from .secrecy import Secrecy
from .steps import Mirrored, Steps
from .toolbox import Toolbox

__all__ = ["AdoptPlugin", "ListPlugins", "PluginManager", "RefusedPlugin"]


class AdoptPlugin(msgspec.Struct, frozen=True):
    """A plugin was loaded: take its tools in."""

    plugin: Plugin
    source: str = "system"


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
        RefusedPlugin: "_refused",
        ListPlugins: "_list",
        "InvokeTool": "_invoke",
    }

    def __init__(
        self,
        scribe: Scribe,
        toolbox: Toolbox,
        run: Callable[[Coroutine[Any, Any, Any]], LoopFuture[Any]],
        mirrored: Mirrored,
        plugins: dict[str, PluginView],
    ) -> None:
        """``plugins`` holds the records, and outlives a restart of this actor."""
        super().__init__()
        self._scribe = scribe
        self._toolbox = toolbox
        self._run = run
        self._mirrored = mirrored
        self._plugins = plugins

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
        body = decode(envelope.body, InvokeTool)
        args: Mapping[str, Any] = msgspec.json.decode(body.args)
        caller = _Operator(
            Steps(self._scribe, self._mirrored, cause=envelope.id), envelope.deadline
        )
        call = self._run(self._toolbox.call(caller, body.tool, args, None))

        def ended(done: LoopFuture[Any]) -> None:
            error = done.exception()
            if error is None:
                reply.settle(VALUE, done.result())
            else:
                reply.fail(_told(error, self._scribe.secrecy))

        call.add_done_callback(ended)
        return reply

    def _write(self, body: EventBody) -> None:
        self._scribe.append([self._scribe.write(body)])


class _Operator:
    """Calls tools from outside any task."""

    run = ""
    task = ""
    agent = ""
    cancelled = False

    def __init__(self, steps: Steps, deadline: float | None) -> None:
        self.deadline = deadline
        self.emit = steps.emit
        self.told = steps.told

    def answered(self, tool: str, args: bytes) -> None:
        """An operator's call is made."""

    def effect_id(self, tool: str, args: bytes) -> str:
        """An operator's call is made once, by hand: there is no other attempt."""
        return ""


def _told(error: BaseException, secrecy: Secrecy) -> BaseException:
    """The error as the operator gets it."""
    if isinstance(error, RetinueError):
        return secrecy.scrubbed(error)
    return RuntimeError(secrecy.text(repr(error)))


def _tool_view(tool: Tool) -> dict[str, Any]:
    return {"description": tool.description, "schema": tool.schema, "effect": tool.effect}

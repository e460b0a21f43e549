"""The PluginManager: plugin records, their tools, and calls of tools by operators."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future as LoopFuture
from functools import partial
from typing import Any, ClassVar

import msgspec

from retinue.bus.codec import decode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import InvalidInput, NotFound, RetinueError, ToolError
from retinue.bus.messages import (
    EventBody,
    InvokeTool,
    PluginFailed,
    PluginLoaded,
    PluginUnloaded,
    ToolReturned,
)
from retinue.bus.views import PluginView
from retinue.plugins import Plugin, Tool
from retinue.plugins.hosting.plugin import HostedPlugin

from .base import KernelActor
from .runtime import Future
from .runtime.future import VALUE
from .scribe import Scribe
from .secrecy import Secrecy
from .steps import Mirrored, Steps
from .toolbox import Toolbox

__all__ = [
    "AdoptHosted",
    "AdoptPlugin",
    "CancelCall",
    "DropHosted",
    "FollowedCall",
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


class FollowedCall(msgspec.Struct, frozen=True):
    """An ``InvokeTool`` whose events somebody follows; answered as that is.

    ``written`` gets the ``seq`` of the call's last event once that is committed; 0 when there is none.
    """

    command: Envelope
    written: Future[int]


class CancelCall(msgspec.Struct, frozen=True):
    """Cancel a followed call, by the id of its command; answered with whether it went on."""

    call: str
    reason: str


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
        self._run = run
        self._mirrored = mirrored
        self._plugins = plugins
        self._hosted = hosted
        self._followed: dict[str, _Followed] = {}

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
        return self._call(envelope, None)

    def _follow(self, message: FollowedCall) -> Future[Any]:
        """The same for one who reads its events, and may cancel it."""
        followed = self._followed[message.command.id] = _Followed(message.written)
        return self._call(message.command, followed)

    def _cancel(self, message: CancelCall) -> bool:
        followed = self._followed.get(message.call)
        if followed is None or followed.call is None:
            return False
        followed.reason = message.reason
        return followed.call.cancel()

    def _call(self, envelope: Envelope, followed: _Followed | None) -> Future[Any]:
        reply = self.defer()
        body = decode(envelope.body, InvokeTool)
        args: Mapping[str, Any] = msgspec.json.decode(body.args)
        steps = Steps(self._scribe, self._mirrored, cause=envelope.id)
        caller = _Operator(steps, envelope.deadline)
        if followed is not None:
            caller.emit = partial(_noting, steps, followed)
        call = self._run(self._toolbox.call(caller, body.tool, args, None))

        def ended(done: LoopFuture[Any]) -> None:
            if followed is not None:
                self._followed.pop(envelope.id, None)
                followed.over()
            error = _error_of(done, body.tool, followed)
            if error is None:
                reply.settle(VALUE, done.result())
            else:
                reply.fail(_told(error, self._scribe.secrecy))

        if followed is not None:
            followed.call = call
        call.add_done_callback(ended)
        return reply

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


class _Followed:
    """A call whose events somebody follows."""

    def __init__(self, written: Future[int]) -> None:
        self.call: LoopFuture[Any] | None = None
        self.reason = ""
        self._written = written
        self.returned = False
        """Whether its last event is on its way."""

    def committed(self, events: Sequence[Event]) -> None:
        """Its ``tool.returned`` is; on the journal's thread."""
        self._written.settle(VALUE, events[0].seq)

    def over(self) -> None:
        """It has ended; one that was refused before it began has no events."""
        if not self.returned:
            self._written.settle(VALUE, 0)


def _noting(steps: Steps, followed: _Followed, body: EventBody) -> None:
    if type(body) is ToolReturned:
        steps.emit(body, followed.committed)
        followed.returned = True
    else:
        steps.emit(body)


def _error_of(done: LoopFuture[Any], tool: str, followed: _Followed | None) -> BaseException | None:
    if done.cancelled():
        reason = "the kernel ends" if followed is None else followed.reason
        return ToolError(f"{tool}: the call was cancelled: {reason}")
    return done.exception()


def _told(error: BaseException, secrecy: Secrecy) -> BaseException:
    """The error as the operator gets it."""
    if isinstance(error, RetinueError):
        return secrecy.scrubbed(error)
    return RuntimeError(secrecy.text(repr(error)))


def _tool_view(tool: Tool) -> dict[str, Any]:
    return {"description": tool.description, "schema": tool.schema, "effect": tool.effect}

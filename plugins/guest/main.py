"""The process of one Python plugin: ``retinue.plugins.guest.main CHANNEL NAME VERSION ENTRY``.

Started by the launcher, behind its walls. The plugin's settings come in the first call.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from retinue.bus.errors import PluginError

from ..agents import AgentSpec
from ..host.faults import pack
from ..plugin import Plugin
from ..protocol.frames import (
    PROTOCOL,
    AgentOffer,
    Call,
    Cancel,
    Fault,
    FromHost,
    Hello,
    Offer,
    Ping,
    Pong,
    Reply,
)
from ..references import find
from ..tools import Tool
from .calls import ToolCall
from .channel import Channel
from .host import Host
from .turns import AgentTurn, Staff

__all__ = ["Guest", "main", "plugin_of", "serve"]

Settings = dict[str, Any]

_THREADS = 8
_STACK = 1 << 20
"""Bytes of a thread's stack: the usual eight would use up the address space that is allowed."""


class Guest:
    """Serves the calls of one plugin until the host is gone. On the loop's thread."""

    def __init__(
        self, sock: socket.socket, name: str, version: str, make: Callable[[Settings], Plugin]
    ) -> None:
        """``make`` runs the plugin's own code; it is called once, when the host says so."""
        self._channel = Channel(sock, self._take)
        self._host = Host(self._channel)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="tool")
        self._calls: dict[int, ToolCall] = {}
        self._given = (self._channel, self._host, self._calls.pop)
        self._tools: dict[str, Tool] = {}
        self._staff: Staff = {}
        self._name, self._version, self._make = name, version, make
        self._methods: dict[str, Callable[[Call, bytes], None]] = {
            "load": self._load,
            "tool.call": self._start,
            "agent.turn": self._turn,
            "shutdown": self._shut_down,
        }

    def serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run; what escapes a task of the plugin's, such as SystemExit, ends nothing."""
        loop.add_reader(self._channel.fileno(), self._channel.read)
        while True:
            try:
                loop.run_forever()
            except BaseException as error:  # noqa: BLE001 - asyncio lets SystemExit out
                print(f"{type(error).__name__} got out of a task and was contained")  # noqa: T201

    def _take(self, frame: FromHost, before: bytes) -> None:
        if isinstance(frame, Call):
            self._call(frame, before + frame.params)
        elif isinstance(frame, Reply):
            self._host.take(frame, before)
        elif isinstance(frame, Cancel):
            if (call := self._calls.get(frame.id)) is not None:
                call.cancel()
        elif isinstance(frame, Ping):
            self._channel.send(Pong(frame.id))

    def _call(self, call: Call, params: bytes) -> None:
        method = self._methods.get(call.method)
        if method is None:
            self._fail(call, PluginError(f"this plugin has no method {call.method!r}"))
            return
        method(call, params)

    def _load(self, call: Call, params: bytes) -> None:
        """Import the plugin's code, at last, and say what it offers."""
        name, version = self._name, self._version
        try:
            plugin = self._make(msgspec.json.decode(params))
            tools = {tool.name.removeprefix(f"{name}."): tool for tool in plugin.tools}
            offers = tuple(_offer(bare, tool) for bare, tool in tools.items())
            staff = tuple(map(_agent_offer, plugin.agents))
        except BaseException as error:  # noqa: BLE001 - the plugin's own code ran
            self._channel.send(Hello(PROTOCOL, name, version))
            self._fail(call, error)
            return
        self._tools = tools
        self._staff = {spec.name: (spec, spec.instance()) for spec in plugin.agents}
        self._channel.send(Hello(PROTOCOL, plugin.name, plugin.version, offers, staff))
        self._channel.send(Reply(call.id, b"null"))

    def _start(self, call: Call, params: bytes) -> None:
        self._calls[call.id] = running = ToolCall(call, params, *self._given)
        running.start(self._tools, self._pool)

    def _turn(self, call: Call, params: bytes) -> None:
        self._calls[call.id] = running = AgentTurn(call, params, *self._given)
        running.start(self._staff, self._pool)

    def _shut_down(self, call: Call, params: bytes) -> None:
        with contextlib.suppress(OSError):
            self._channel.send(Reply(call.id, b"null"))
            sys.stdout.flush()
        os._exit(0)

    def _fail(self, call: Call, error: BaseException) -> None:
        fault = pack(error)
        fields = msgspec.json.encode(fault.fields)
        self._channel.send(Reply(call.id, fault=Fault(fault.kind[:256], fault.message, fields)))


def plugin_of(entry: str, name: str, version: str, settings: dict[str, Any]) -> Plugin:
    """What ``entry`` names, as a plugin: a ``Plugin``, a factory of one, a tool, or a module of tools.

    Raises ``PluginError`` for anything else, and whatever the plugin's own code raises.
    """
    found = find(entry) if ":" in entry else find(f"{entry}:__dict__")
    if isinstance(found, dict):
        tools = [value for value in found.values() if isinstance(value, Tool)]
        agents = [value for value in found.values() if isinstance(value, AgentSpec)]
        if not tools and not agents:
            raise PluginError(f"{entry} has no tools: write @tool above a function")
        return Plugin(name, version, tools, agents)
    if isinstance(found, Tool):
        return Plugin(name, version, [found])
    plugin = found if isinstance(found, Plugin) else found(settings)
    if not isinstance(plugin, Plugin):
        raise PluginError(f"{entry} made a {type(plugin).__name__}: return a Plugin")
    return plugin


def _offer(name: str, tool: Tool) -> Offer:
    schema = msgspec.json.encode(tool.schema)
    return Offer(name, schema, tool.description, tool.effect, tool.timeout)


def _agent_offer(spec: AgentSpec) -> AgentOffer:
    tools = tuple(tool if isinstance(tool, str) else tool.name for tool in spec.tools)
    schema = msgspec.json.encode(spec.schema)
    told = (spec.description, tools, spec.attempts, spec.attempt_timeout)
    return AgentOffer(spec.name, schema, *told)


def serve(channel: int, name: str, version: str, make: Callable[[Settings], Plugin]) -> None:
    """Serve the channel that was inherited, until the kernel is gone; does not return."""
    threading.stack_size(_STACK)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            line_buffering=True
        )  # a pipe's buffer would be lost with the process
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with contextlib.suppress(OSError):  # the kernel is gone
        Guest(socket.socket(fileno=channel), name, version, make).serve(loop)
    os._exit(0)


def main(arguments: list[str]) -> None:
    """Serve the plugin at a Python entry."""
    channel, name, version, entry = arguments
    serve(int(channel), name, version, lambda given: plugin_of(entry, name, version, given))


if __name__ == "__main__":
    main(sys.argv[1:])

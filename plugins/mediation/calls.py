"""``plugin.call``: other plugins' tools, by name, within rights that nobody lends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from retinue.bus.errors import Denied

from ..hosting.calls import CallContext
from .mediator import PassedOn, parameters

__all__ = ["CallService", "ToolPort"]

MAX_DEPTH = 8
"""Plugins through which one call may go."""


class ToolPort(Protocol):
    """The kernel's tools; awaited on any loop."""

    async def call(self, call: CallContext, tool: str, args: Mapping[str, Any]) -> Any:
        """Call a tool on behalf of the call's principals, of whom its plugin is one from then on.

        It passes whatever an agent's call passes. Raises what the tool raises.
        """


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    tool: str
    args: dict[str, Any] = {}


class CallService:
    """A plugin that is called works with its own grant, whoever called it; and in no circle."""

    def __init__(self, tools: ToolPort) -> None:
        """``tools`` makes the call; the operator's rules are asked there, as for any call."""
        self._tools = tools

    async def handle(self, call: CallContext, method: str, params: bytes) -> Any:
        """The tool's result. Raises ``Denied`` for a tool that was not granted by name."""
        if method != "plugin.call":
            raise Denied("plugin.unknown_method", method, f"there is no {method!r} to ask for")
        asked: _Asked = parameters(params, _Asked, method)
        check_call(call, asked.tool)
        try:
            return {"value": await self._tools.call(call, asked.tool, asked.args)}
        except Denied as error:
            raise PassedOn(error) from None


def check_call(call: CallContext, tool: str) -> None:
    """Raise ``Denied`` unless the call's plugin may call that tool now. Pure."""
    who = call.principals
    if tool not in call.grant.permissions.tools:
        raise Denied("call.grant", tool, f"it may not call the tool {tool!r}")
    plugins = (*who.via, who.plugin)
    if tool.partition(".")[0] in plugins:
        way = " → ".join((*plugins, tool))
        raise Denied("call.circle", tool, f"the call comes back to where it was: {way}")
    if len(plugins) >= MAX_DEPTH:
        raise Denied("call.depth", tool, f"the call went through {len(plugins)} plugins already")

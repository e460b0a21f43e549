"""The host of a plugin that runs inside the kernel: the same door, with the operator's grant."""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from typing import Any

import msgspec

from retinue.bus.clock import Clock
from retinue.bus.codec import encode_value

from ..hosting.calls import CallContext, Mediator, Principals
from ..manifest.model import Grant
from ..plugin import Plugin
from ..tools import Tool, ToolContext

__all__ = ["Lender"]

_LONGEST = 3600.0

Run = Callable[[Coroutine[Any, Any, Any]], "Future[Any]"]


class Lender:
    """Gives the tools of a plugin a host to ask, each call one of its own."""

    def __init__(
        self, mediator: Mediator, run: Run, clock: Clock, number: Callable[[], int]
    ) -> None:
        """``run`` runs a coroutine on the loop of async tools, for plain ones; ``number`` is random."""
        self._mediator = mediator
        self._run = run
        self._clock = clock
        self._number = number

    def lend(self, plugin: Plugin, grant: Grant) -> Plugin:
        """The plugin, its tools asking within the grant."""
        lent = copy.copy(plugin)
        lent.tools = tuple(_Lent(tool, self._host_for(tool, grant)) for tool in plugin.tools)
        return lent

    def _host_for(self, tool: Tool, grant: Grant) -> Callable[[ToolContext], _Host]:
        def host(ctx: ToolContext) -> _Host:
            left = _LONGEST if ctx.remaining is None else ctx.remaining
            user = "" if ctx.agent else "operator"
            call = CallContext(
                self._number(),
                tool.name,
                Principals(grant.name, ctx.agent, user, ctx.via),
                grant,
                self._clock.monotonic() + left,
                ctx.run,
                ctx.task,
            )
            return _Host(self._mediator, call, self._run)

        return host


class _Lent(Tool):
    """The same tool; its context can ask."""

    def __init__(self, tool: Tool, host: Callable[[ToolContext], _Host]) -> None:
        self.__dict__.update(vars(tool))
        self._host = host

    def call(self, checked: Mapping[str, Any], ctx: ToolContext | None = None) -> Any:
        """As ``Tool.call``."""
        given = ctx or ToolContext()
        return super().call(checked, given.with_host(self._host(given)))


class _Host:
    """A ``HostPort``."""

    def __init__(self, mediator: Mediator, call: CallContext, run: Run) -> None:
        self._mediator = mediator
        self._call = call
        self._run = run

    async def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        body = encode_value(dict(params), f"the parameters of {method}")
        return msgspec.json.decode(await self._mediator.handle(self._call, method, body))

    def wait(self, method: str, params: Mapping[str, Any]) -> Any:
        return self._run(self.ask(method, params)).result(_LONGEST)

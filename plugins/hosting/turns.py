"""Agents whose code is in a plugin's process, as the kernel knows agents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from retinue.bus.errors import InvalidInput, PluginError
from retinue.bus.messages import AgentProgress, AgentText, AgentThought

from ..agents import AgentSpec
from ..body import Body
from ..context import ChildTask, Context
from ..parameters import Parameters
from ..protocol.frames import AgentOffer
from ..remote_tool import check_shallow
from ..runner import Runner
from ..secret import SecretFields
from ..tools import ToolContext
from .across import across

__all__ = ["TURN_SECONDS", "TurnDoor", "remote_agent"]

T = TypeVar("T")
TURN_SECONDS = 3600.0
"""A turn without a deadline has as long; the kernel's watchdog looks at its progress."""
_Step = AgentThought | AgentText | AgentProgress


class TurnDoor:
    """A turn in the kernel, for what the plugin's half of it asks. Any loop may use it."""

    def __init__(self, ctx: Context) -> None:
        """On the turn's own loop."""
        self.ctx = ctx
        self.children: dict[str, ChildTask] = {}
        """The tasks that this turn submitted."""
        self._loop = asyncio.get_running_loop()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the context's, on its loop."""
        return await across(self._loop, work)

    def about(self) -> dict[str, Any]:
        """What the other half has to know."""
        ctx = self.ctx
        return {
            "run": ctx.run,
            "task": ctx.task,
            "agent": ctx.agent,
            "attempt": ctx.attempt,
            "deadline": ctx.deadline,
            "state": ctx.state,
            "model": "",
        }

    def step(self, value: Any) -> None:
        """A step that the other half told; raises ``PluginError`` for anything else."""
        try:
            body = msgspec.convert(value, _Step)
        except msgspec.ValidationError as error:
            raise PluginError(f"an agent's step is none: {error}") from error
        if isinstance(body, AgentThought):
            self.ctx.thought(body.text)
        elif isinstance(body, AgentText):
            self.ctx.text(body.delta)
        else:
            self.ctx.progress(body.done, body.total, body.note)


class Turns(Protocol):
    """A hosted plugin, as its agents use it."""

    name: str

    async def call(
        self, tool: str, args: Mapping[str, Any], ctx: ToolContext, turn: TurnDoor | None = None
    ) -> Any:
        """A call of a tool, or a turn."""


def remote_agent(plugin: Turns, offer: AgentOffer) -> AgentSpec:
    """The agent as the kernel spawns it. Raises ``PluginError`` for an offer that makes no agent."""

    async def turn(ctx: Context, /, **given: Any) -> Any:
        door = TurnDoor(ctx)
        context = ToolContext(
            deadline=ctx.deadline, stream=door.step, run=ctx.run, task=ctx.task, agent=ctx.agent
        )
        answer = await plugin.call(offer.name, given, context, door)
        ctx.state.clear()
        ctx.state.update(answer["state"])
        return answer["value"]

    try:
        schema = msgspec.json.decode(offer.schema, type=dict[str, Any])
        return AgentSpec(
            turn,
            name=offer.name,
            description=offer.description,
            tools=[_own(plugin.name, tool) for tool in offer.tools],
            isolation="shared",
            attempts=offer.attempts,
            attempt_timeout=offer.attempt_timeout,
            _body=_RemoteBody(turn, schema),
        )
    except (msgspec.DecodeError, InvalidInput, RecursionError) as error:
        raise PluginError(f"plugin {plugin.name!r}: agent {offer.name!r}: {error}") from error


def _own(plugin: str, tool: str) -> str:
    """A tool of the plugin's own by its full name, as the toolbox has it."""
    return tool if "." in tool or tool == "*" else f"{plugin}.{tool}"


class _RemoteBody(Body):
    """Takes what the plugin's schema says; the code itself checks the whole of it."""

    def __init__(self, function: Callable[..., Any], schema: Mapping[str, Any]) -> None:
        self._code = function
        self.is_async = True
        self.parameters = _RemoteParameters(schema)

    def runner(self, what: str) -> Runner:
        return Runner(self._code, takes_context=True, what=what)


class _RemoteParameters(Parameters):
    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.__dict__["schema"] = dict(schema)  # in the place of what is computed from code
        self.__dict__["secrets"] = SecretFields(dict(schema))

    def check(self, given: bytes | Mapping[str, Any], what: str) -> dict[str, Any]:
        try:
            value = msgspec.json.decode(given) if isinstance(given, bytes) else dict(given)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidInput(f"{what}: {error}") from error
        check_shallow(value, self.schema, what)
        return dict(value)

    def __str__(self) -> str:
        return ", ".join(self.schema.get("properties", {})) or "any input"

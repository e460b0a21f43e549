"""Turns and tool calls without a kernel, for the tests of agents, tools and plugins.

Every message, argument and result really is encoded and decoded, as between actors: what could
not travel in a kernel fails here as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from retinue.bus.clock import Clock
from retinue.bus.errors import TaskFailed, UnknownAgent
from retinue.bus.messages import AgentText, EventBody, type_of

from .agents import AgentSpec
from .context import Context, SyncContext
from .plugin import Plugin
from .recording import RecordingPort, World, copied
from .runner import Runner
from .tools import Tool

if TYPE_CHECKING:
    from .llm.model import ChatModel

__all__ = ["PluginHarness", "TestTurn"]

T = TypeVar("T")
PATIENCE = 30.0
"""Seconds after which ``run`` and ``call`` give up, unless told otherwise."""


class TestTurn:
    """One agent in a small world of its own; each ``run`` is a turn.

    ``state`` survives between turns, as in a kernel. The steps of children are not among
    ``events``; calls of models are not recorded, a scripted model records them itself.
    """

    __test__ = False  # no test class, whatever its name makes pytest think

    def __init__(
        self,
        agent: AgentSpec | Callable[..., Any],
        *,
        tools: Iterable[Tool | Callable[..., Any]] = (),
        agents: Iterable[AgentSpec | Callable[..., Any]] = (),
        model: ChatModel | None = None,
        models: Mapping[str, ChatModel] | None = None,
        state: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        attempt: int = 1,
        clock: Clock | None = None,
    ) -> None:
        """``tools``, ``agents`` and ``models`` are what there is in this world besides.

        As in a kernel, the agent may call only the tools that its own ``tools=`` names.
        ``deadline`` is in seconds since the epoch, by ``clock``.
        """
        self.spec = AgentSpec.of(agent)
        every = {spec.name: spec for spec in map(AgentSpec.of, agents)}
        self._world = World.of(tools, every, model, models, clock, _child)
        self._runner = self.spec.instance()
        self.port = RecordingPort(self._world, self.spec)
        self.port.deadline, self.port.attempt = deadline, attempt
        self.port.state = copied(dict(state or {}), "state")

    def run(
        self, input: Mapping[str, Any] | None = None, *, timeout: float = PATIENCE, **kwargs: Any
    ) -> Any:
        """One turn on a loop of its own; the result, decoded. Raises what the agent raised."""
        return asyncio.run(_within(self.run_async(input, **kwargs), timeout))

    async def run_async(self, input: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """One turn on the running loop; a plain agent runs on a thread, as in a kernel."""
        given = {**(input or {}), **kwargs}
        return await _turn(self._world, self.spec, self._runner, self.port, given)

    def cancel(self) -> None:
        """Make ``ctx.cancelled`` true, as the first and polite step of a cancel."""
        self.port.cancelled = True

    @property
    def events(self) -> list[EventBody]:
        """The steps of all turns so far, decoded anew."""
        return list(self.port.events)

    @property
    def types(self) -> list[str]:
        """The types of ``events``, such as ``agent.thought``."""
        return [type_of(type(body)) for body in self.port.events]

    @property
    def text(self) -> str:
        """The text that the agent streamed."""
        return "".join(body.delta for body in self.port.events if isinstance(body, AgentText))

    @property
    def state(self) -> dict[str, Any]:
        """What the agent keeps between turns."""
        return self.port.state


class PluginHarness:
    """A plugin's tools and agents, called as the kernel would call them."""

    def __init__(self, plugin: Plugin, *, clock: Clock | None = None) -> None:
        """``clock`` is the machine's by default."""
        self.plugin = plugin
        self.events: list[EventBody] = []
        self._clock = clock

    def call(self, tool: str, /, *, timeout: float = PATIENCE, **args: Any) -> Any:
        """Check the arguments, call the tool, and give its result, decoded.

        Raises ``UnknownTool``, ``InvalidInput``, and ``ToolError`` for what the tool raised.
        """
        operator = AgentSpec(_operator, tools=self.plugin.tools)
        turn = TestTurn(operator, clock=self._clock)
        try:
            return turn.run({"tool": tool, "args": args}, timeout=timeout)
        finally:
            self.events += turn.events

    def turn(self, agent: str, **world: Any) -> TestTurn:
        """A turn of the plugin's agent of that name, with the plugin's tools; as ``TestTurn``."""
        for spec in self.plugin.agents:
            if spec.name == agent:
                tools = (*world.pop("tools", ()), *self.plugin.tools)
                return TestTurn(spec, tools=tools, clock=self._clock, **world)
        raise UnknownAgent(f"{self.plugin!r} has no agent '{agent}'")


async def _operator(ctx: Context, tool: str, args: dict[str, Any]) -> Any:
    return await ctx.call(tool, **args)


async def _child(world: World, spec: AgentSpec, task: str, given: Mapping[str, Any]) -> Any:
    """A child's whole life: one turn in the same world, its failure told as a kernel tells it."""
    try:
        return await _turn(world, spec, spec.instance(), RecordingPort(world, spec, task), given)
    except Exception as error:
        raise TaskFailed(task, type(error).__name__, str(error)) from error


async def _turn(
    world: World, spec: AgentSpec, runner: Runner, port: RecordingPort, given: Mapping[str, Any]
) -> Any:
    """One turn; its state is kept only when it succeeds, and all ends in its JSON form."""
    params = spec.check(given)
    before = copied(port.state, "state")
    try:
        value = copied(
            await _run(world, spec, runner, port, params), f"agent '{spec.name}': result"
        )
        port.state = copied(port.state, f"agent '{spec.name}': state")
    except BaseException:
        port.state = before
        raise
    finally:
        await port.end()
    return value


async def _run(
    world: World, spec: AgentSpec, runner: Runner, port: RecordingPort, params: dict[str, Any]
) -> Any:
    if spec.is_async:
        return await runner.run(Context(port, world.clock), params)
    loop = asyncio.get_running_loop()

    def wait(coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(PATIENCE)

    return await asyncio.to_thread(runner.run, SyncContext(port, wait, world.clock), params)


async def _within(coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
    async with asyncio.timeout(seconds):
        return await coroutine

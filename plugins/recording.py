"""A ``TurnPort`` without a kernel, which writes down what the turn did. Used by ``testing``."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.codec import decode, encode, encode_value
from retinue.bus.errors import (
    DeadlineExceeded,
    NotFound,
    RetinueError,
    TaskCancelled,
    ToolError,
    Unavailable,
    UnknownAgent,
    UnknownTool,
)
from retinue.bus.messages import EventBody, ToolCalled, ToolOutput, ToolProgress, ToolReturned

from .agents import AgentSpec
from .tools import Tool, ToolContext

if TYPE_CHECKING:
    from .llm.model import ChatModel

__all__ = ["RecordingPort", "World", "copied"]

Child = Callable[["World", AgentSpec, str, Mapping[str, Any]], Coroutine[Any, Any, Any]]


class World:
    """What there is besides the agent itself: tools, other agents, models, a clock."""

    def __init__(
        self,
        tools: Mapping[str, Tool],
        agents: Mapping[str, AgentSpec],
        models: Mapping[str | None, ChatModel],
        clock: Clock,
        child: Child,
    ) -> None:
        self.tools, self.agents, self.models = tools, agents, models
        self.clock = clock
        self.child = child
        self._count = itertools.count(1)

    @classmethod
    def of(
        cls,
        tools: Iterable[Tool | Callable[..., Any]],
        agents: Mapping[str, AgentSpec],
        model: ChatModel | None,
        models: Mapping[str, ChatModel] | None,
        clock: Clock | None,
        child: Child,
    ) -> World:
        """A world from what an author gives; ``model`` is the one without a name."""
        named: dict[str | None, ChatModel] = dict((models or {}).items())
        if model is not None:
            named[None] = model
        by_name = {tool.name: tool for tool in map(Tool.of, tools)}
        return cls(by_name, agents, named, clock or SystemClock(), child)

    def id(self, kind: str) -> str:
        """The next id of that kind, such as ``t-test-2``."""
        return f"{kind}-test-{next(self._count)}"


class RecordingPort:
    """One agent's door to its small world; ``events`` are the steps, decoded anew."""

    def __init__(self, world: World, spec: AgentSpec, task: str | None = None) -> None:
        self.run = "r-test"
        self.task = task or world.id("t")
        self.agent = spec.name
        self.attempt = 1
        self.deadline: float | None = None
        self.state: dict[str, Any] = {}
        self.cancelled = False
        self.events: list[EventBody] = []
        self._world = world
        self._spec = spec
        self._children: dict[str, asyncio.Task[Any]] = {}
        self._reasons: dict[str, str] = {}

    def emit(self, body: EventBody) -> None:
        """Write a step down, by way of its bytes."""
        self.events.append(decode(encode(body), type(body)))

    async def call(self, tool: str, args: Mapping[str, Any]) -> Any:
        """Call a tool as the kernel does, with its events around it."""
        found = self._granted(tool)
        body = encode_value(dict(args), f"the arguments of {tool}")
        checked = found.check(body)
        call, started = self._world.id("c"), self._world.clock.monotonic()
        self.emit(ToolCalled(call, tool, msgspec.Raw(body), found.effect))
        try:
            encoded = encode_value(await self._run(found, checked, call), f"the result of {tool}")
        except BaseException as error:
            line = f"{type(error).__name__}: {error}"
            self.emit(ToolReturned(call, tool, ok=False, seconds=self._since(started), error=line))
            if isinstance(error, RetinueError) or not isinstance(error, Exception):
                raise
            raise ToolError(f"{tool}: {line}") from error
        result = msgspec.Raw(encoded)
        self.emit(ToolReturned(call, tool, ok=True, seconds=self._since(started), result=result))
        return msgspec.json.decode(encoded)

    async def submit(
        self,
        agent: str,
        input: Mapping[str, Any],
        *,
        priority: int | None = None,
        deadline: float | None = None,
        key: str = "",
    ) -> str:
        """Start a child at once, in the same world; its input is checked first, as a kernel does."""
        spec = self._world.agents.get(agent)
        if spec is None:
            known = ", ".join(self._world.agents) or "none"
            raise UnknownAgent(f"agent '{agent}' is not in this test; agents= gives: {known}")
        given = copied(dict(input), f"the input for '{agent}'")
        spec.check(given)
        task = self._world.id("t")
        self._children[task] = asyncio.create_task(
            self._world.child(self._world, spec, task, given)
        )
        return task

    async def result(self, task: str) -> Any:
        """A child's result; raises ``TaskFailed`` or ``TaskCancelled``."""
        child = self._child(task)
        await asyncio.wait([child])
        if child.cancelled():
            raise TaskCancelled(task, self._reasons.get(task, "its turn ended"))
        return child.result()

    async def cancel(self, task: str, reason: str) -> None:
        """Cancel a child."""
        self._reasons.setdefault(task, reason)
        self._child(task).cancel()

    def model(self, name: str | None = None) -> ChatModel:
        """The model of that name; the agent's own choice, or the unnamed one, without."""
        wanted = name or self._spec.model
        if wanted is not None and not isinstance(wanted, str):
            return wanted
        found = self._world.models.get(wanted) or (None if name else self._world.models.get(None))
        if found is None:
            raise Unavailable(f"no model {wanted or ''!r} in this test; give model= or models=")
        return found

    async def end(self) -> None:
        """The turn is over: children that still run are cancelled."""
        for child in self._children.values():
            child.cancel()
        await asyncio.gather(*self._children.values(), return_exceptions=True)

    @property
    def cancellations(self) -> dict[str, str]:
        """Which children were told to stop, by id, and why."""
        return dict(self._reasons)

    def _granted(self, name: str) -> Tool:
        own = {tool.name: tool for tool in self._spec.tools if isinstance(tool, Tool)}
        if name not in own and not _named(name, self._spec):
            raise UnknownTool(
                f"agent '{self.agent}' was not given tool '{name}'; name it in tools=[…]"
            )
        found = own.get(name) or self._world.tools.get(name)
        if found is None:
            raise UnknownTool(f"tool '{name}' is not in this test; give it with tools=[…]")
        return found

    async def _run(self, tool: Tool, checked: Mapping[str, Any], call: str) -> Any:
        def progress(done: float, total: float, note: str) -> None:
            self.emit(ToolProgress(call, tool.name, done, total, note))

        def stream(value: Any) -> None:
            piece = encode_value(value, f"a piece of the output of {tool.name}")
            self.emit(ToolOutput(call, tool.name, msgspec.Raw(piece)))

        context = ToolContext(
            progress, lambda: self.cancelled, self.deadline, self._world.clock, stream=stream
        )
        limit = asyncio.timeout(tool.timeout)
        try:
            async with limit:
                if tool.is_async:
                    return await tool.call(checked, context)
                return await asyncio.to_thread(tool.call, checked, context)
        except TimeoutError:
            if not limit.expired():
                raise
            raise DeadlineExceeded(f"{tool.name} did not return within {tool.timeout} s") from None

    def _since(self, started: float) -> float:
        return self._world.clock.monotonic() - started

    def _child(self, task: str) -> asyncio.Task[Any]:
        if task not in self._children:
            raise NotFound(f"task {task} is no child of this turn")
        return self._children[task]


def copied(value: Any, what: str) -> Any:
    """The value by way of its JSON; raises ``InvalidInput`` for what has none."""
    return msgspec.json.decode(encode_value(value, what))


def _named(name: str, spec: AgentSpec) -> bool:
    """Whether one of the agent's names or globs (``files.*``) fits."""
    return any(fnmatchcase(name, want) for want in spec.tools if isinstance(want, str))

"""``ctx``: what an agent can do in its turn. One base; awaited by async agents, blocking for plain."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import DeadlineExceeded, InvalidInput
from retinue.bus.messages import AgentProgress, AgentText, AgentThought

from .hostside import Asker, HostPort, Http, Secrets
from .tools import Tool, name_of

if TYPE_CHECKING:
    from .llm.model import ChatModel
    from .port import TurnPort

__all__ = ["ChildTask", "Context", "SyncChildTask", "SyncContext"]

T = TypeVar("T")
Wait = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs a coroutine where the turn's port lives, and blocks until it is done."""


class _Turn:
    """What both kinds of context share: the steps that never wait."""

    __slots__ = ("_clock", "_port")

    def __init__(self, port: TurnPort, clock: Clock | None = None) -> None:
        self._port = port
        self._clock = clock or SystemClock()

    def thought(self, text: str) -> None:
        """Let observers see a plan or a decision."""
        self._port.emit(AgentThought(_text(text, "thought", self)))

    def text(self, delta: str) -> None:
        """Stream a piece of the answer; the pieces in order are the whole."""
        if _text(delta, "text", self):
            self._port.emit(AgentText(delta))

    def progress(self, done: float, total: float = 0.0, note: str = "") -> None:
        """Say that ``done`` of ``total`` is done (0: unknown)."""
        if not (math.isfinite(done) and math.isfinite(total)):
            raise ValueError(f"{self!r}: progress({done}, {total}) is not finite")
        self._port.emit(AgentProgress(float(done), float(total), _text(note, "progress", self)))

    @property
    def model(self) -> ChatModel:
        """The agent's language model."""
        return self._port.model()

    def use_model(self, name: str) -> ChatModel:
        """Another language model of the kernel's, by name."""
        return self._port.model(name)

    @property
    def http(self) -> Http:
        """Fetches that the kernel makes, for agents in processes that were granted hosts."""
        return Http(Asker(self._host))

    @property
    def secret(self) -> Secrets:
        """Secrets that the kernel uses for such an agent, and never gives to it."""
        return Secrets(Asker(self._host))

    @property
    def cancelled(self) -> bool:
        """Whether the turn was told to stop; one that goes on is stopped by force."""
        return self._port.cancelled

    @property
    def deadline(self) -> float | None:
        """When the attempt has to end, in seconds since the epoch; ``None`` without a limit."""
        return self._port.deadline

    @property
    def remaining(self) -> float | None:
        """Seconds until the deadline, not below 0; ``None`` without one."""
        deadline = self._port.deadline
        return None if deadline is None else max(0.0, deadline - self._clock.time())

    @property
    def state(self) -> dict[str, Any]:
        """What the agent keeps between turns: JSON values, kept when the turn succeeds."""
        return self._port.state

    @property
    def run(self) -> str:
        """The id of the run that the task belongs to."""
        return self._port.run

    @property
    def task(self) -> str:
        """The id of the task that this turn works on."""
        return self._port.task

    @property
    def agent(self) -> str:
        """The agent's name."""
        return self._port.agent

    @property
    def attempt(self) -> int:
        """Which attempt at the task this is, from 1."""
        return self._port.attempt

    def _host(self) -> HostPort:
        host: HostPort | None = getattr(self._port, "host", None)
        if host is None:
            raise InvalidInput(
                f"agent '{self.agent}' has no host to ask: that is for agents in processes of their own, "
                "with permissions; this one may do what its program may, or be given a tool"
            )
        return host

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of agent '{self.agent}', task {self.task}>"


class Context(_Turn):
    """The context of an async agent; use it on the turn's own loop."""

    __slots__ = ()

    async def call(self, tool: str | Tool | Callable[..., Any], /, **args: Any) -> Any:
        """Call a tool that the agent was given.

        Raises ``UnknownTool``, ``InvalidInput`` for bad arguments, ``ToolError`` when it failed.
        """
        return await self._port.call(name_of(tool), args)

    async def ask(
        self,
        agent: str,
        /,
        input: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - cancels the child too
        **kwargs: Any,
    ) -> Any:
        """Have another agent do something, and wait; ``kwargs`` are further input.

        Raises ``TaskFailed``, ``TaskCancelled``, and ``DeadlineExceeded`` after ``timeout``
        seconds. Whenever the wait ends early, the child is cancelled.
        """
        child = await self.submit(agent, input, **kwargs)
        try:
            return await child.result(timeout=timeout)
        except (DeadlineExceeded, asyncio.CancelledError) as left:
            # A turn that is itself told to stop leaves its children to the kernel, which knows
            # whether this is a cancel or a shutdown after which they go on.
            if not self._port.cancelled:
                await child.cancel(str(left) or f"agent '{self.agent}' stopped waiting for it")
            raise

    async def submit(
        self,
        agent: str,
        /,
        input: Mapping[str, Any] | None = None,
        *,
        priority: int | None = None,
        deadline: float | None = None,
        key: str = "",
        **kwargs: Any,
    ) -> ChildTask:
        """Submit a child task, committed on return; ``deadline`` is in seconds from now."""
        task = await self._port.submit(
            agent, {**(input or {}), **kwargs}, priority=priority, deadline=deadline, key=key
        )
        return ChildTask(self._port, task, agent)


class ChildTask:
    """A task that this turn submitted; cancelled with the turn."""

    __slots__ = ("_port", "agent", "id")

    def __init__(self, port: TurnPort, task: str, agent: str) -> None:
        self._port = port
        self.id = task
        self.agent = agent

    async def result(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        """Its result; raises ``TaskFailed``, ``TaskCancelled`` or, waiting too long, ``DeadlineExceeded``.

        Waiting too long leaves the child running.
        """
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await self._port.result(self.id)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise DeadlineExceeded(
                f"agent '{self.agent}' (task {self.id}) did not answer within {timeout} s; "
                "give it longer, or see what it waits for"
            ) from error

    async def cancel(self, reason: str = "no longer needed") -> None:
        """Cancel it and everything under it."""
        await self._port.cancel(self.id, reason)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} of agent '{self.agent}'>"


class SyncContext(_Turn):
    """The context of a plain function; its calls block the agent's own thread."""

    __slots__ = ("_context", "_wait")

    def __init__(self, port: TurnPort, wait: Wait, clock: Clock | None = None) -> None:
        """``wait`` runs a coroutine on the port's loop and blocks until it is done."""
        super().__init__(port, clock)
        self._context = Context(port, clock)
        self._wait = wait

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine, such as one of a model's, on the port's loop; blocks until it is done."""
        result: T = self._wait(coroutine)
        return result

    def call(self, tool: str | Tool | Callable[..., Any], /, **args: Any) -> Any:
        """As ``Context.call``."""
        return self._wait(self._context.call(tool, **args))

    def ask(
        self,
        agent: str,
        /,
        input: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """As ``Context.ask``."""
        return self._wait(self._context.ask(agent, input, timeout=timeout, **kwargs))

    def submit(self, agent: str, /, *args: Any, **kwargs: Any) -> SyncChildTask:
        """As ``Context.submit``."""
        return SyncChildTask(self._wait(self._context.submit(agent, *args, **kwargs)), self._wait)


class SyncChildTask:
    """As ``ChildTask``, blocking."""

    __slots__ = ("_child", "_wait", "id")

    def __init__(self, child: ChildTask, wait: Wait) -> None:
        self._child = child
        self._wait = wait
        self.id = child.id

    def result(self, timeout: float | None = None) -> Any:
        """As ``ChildTask.result``."""
        return self._wait(self._child.result(timeout))

    def cancel(self, reason: str = "no longer needed") -> None:
        """As ``ChildTask.cancel``."""
        self._wait(self._child.cancel(reason))

    def __repr__(self) -> str:
        return repr(self._child)


def _text(text: str, method: str, turn: _Turn) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{turn!r}: {method}() takes str, not {type(text).__name__}")
    return text

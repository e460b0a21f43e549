"""One turn of an agent inside a plugin's process: what it does goes through the host."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from concurrent import futures
from typing import Any

import msgspec

from retinue.bus.codec import encode_value
from retinue.bus.errors import UnknownAgent
from retinue.bus.messages import EventBody

from ..agents import AgentSpec
from ..context import Context, SyncContext
from ..llm.model import ChatModel, Delta, Message
from ..protocol.frames import Stream
from ..runner import Runner
from .calls import ToolCall
from .host import Host, during

__all__ = ["AgentTurn", "Staff"]

Staff = Mapping[str, tuple[AgentSpec, Runner]]


class AgentTurn(ToolCall):
    """As a call of a tool; its answer is the result, and what the agent keeps."""

    async def _run(self, staff: Staff, pool: futures.Executor) -> Any:
        params: dict[str, Any] = msgspec.json.decode(self._params)
        if params["tool"] not in staff:
            raise UnknownAgent(f"this plugin has no agent {params['tool']!r}: {', '.join(staff)}")
        spec, runner = staff[params["tool"]]
        during.set(self._call.id)
        port = _Port(params["turn"], self._host, self._step, self._is_over)
        given = spec.check(params["args"])
        if spec.is_async:
            self._awaits = True
            value = await runner.run(Context(port), given)
        else:
            value = await self._plain(runner, port, given, pool)
        return {"value": value, "state": port.state}

    async def _plain(
        self, runner: Runner, port: _Port, given: dict[str, Any], pool: futures.Executor
    ) -> Any:
        loop, call = asyncio.get_running_loop(), self._call.id

        def wait(coroutine: Coroutine[Any, Any, Any]) -> Any:
            async def asked() -> Any:
                during.set(call)
                return await coroutine

            return asyncio.run_coroutine_threadsafe(asked(), loop).result()

        context, copied = SyncContext(port, wait), contextvars.copy_context()
        return await loop.run_in_executor(pool, lambda: copied.run(runner.run, context, given))

    def _step(self, body: EventBody) -> None:
        self._channel.send(Stream(self._call.id, msgspec.json.encode(body)))


class _Port:
    """A ``TurnPort``; the host decides on each request."""

    def __init__(
        self,
        about: Mapping[str, Any],
        host: Host,
        emit: Callable[[EventBody], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self.run, self.task, self.agent = about["run"], about["task"], about["agent"]
        self.attempt: int = about["attempt"]
        self.deadline: float | None = about["deadline"]
        self.state: dict[str, Any] = about["state"]
        self.model_name = about["model"]
        self.emit = emit
        self._host = self.host = host
        self._cancelled = cancelled

    @property
    def cancelled(self) -> bool:
        return self._cancelled()

    async def call(self, tool: str, args: Mapping[str, Any]) -> Any:
        return await self._host.ask("turn.call", {"tool": tool, "args": dict(args)})

    async def submit(
        self,
        agent: str,
        input: Mapping[str, Any],
        *,
        priority: int | None = None,
        deadline: float | None = None,
        key: str = "",
    ) -> str:
        options = {"priority": priority, "deadline": deadline, "key": key}
        asked = {"agent": agent, "input": dict(input), **options}
        task: str = await self._host.ask("turn.submit", asked)
        return task

    async def result(self, task: str) -> Any:
        return await self._host.ask("turn.result", {"task": task})

    async def cancel(self, task: str, reason: str) -> None:
        await self._host.ask("turn.cancel", {"task": task, "reason": reason})

    def model(self, name: str | None = None) -> ChatModel:
        return _Model(self._host, name, self.model_name)


class _Model:
    """A ``ChatModel`` that the host calls; its pieces come together, at the end of the answer."""

    def __init__(self, host: Host, wanted: str | None, default: str) -> None:
        self._host = host
        self._wanted = wanted
        self.name = wanted or default

    async def stream(
        self, messages: Sequence[Message], **options: Any
    ) -> AsyncGenerator[Delta, None]:
        said = {"model": self._wanted, "messages": list(messages), "options": options}
        encoded = msgspec.json.decode(encode_value(said, "what is said to the model"))
        for delta in await self._host.ask("turn.model", encoded):
            yield msgspec.convert(delta, Delta)

"""A turn's port inside an agent's own process: everything goes to the kernel and back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import msgspec

from retinue.bus.codec import encode
from retinue.bus.messages import EventBody, type_of
from retinue.plugins.llm.model import ChatModel, Delta, Message

from .channel import BlockingChannel
from .frames import Begin, Step
from .requests import Requests

__all__ = ["RemotePort"]


class RemotePort:
    """A ``TurnPort``. Its coroutines run on the child's loop; see the port for the methods."""

    def __init__(self, begin: Begin, channel: BlockingChannel, requests: Requests) -> None:
        self.run = begin.run
        self.task = begin.task
        self.agent = begin.agent
        self.attempt = begin.attempt
        self.deadline = begin.deadline
        self.state: dict[str, Any] = msgspec.json.decode(begin.state)
        self.cancelled = False
        self.reason = ""
        self._turn = begin.turn
        self.model_name = begin.model
        self._channel = channel
        self._requests = requests
        self.host = _Host(self)
        """Asked for what the agent's permissions name."""

    def emit(self, body: EventBody) -> None:
        """As ``TurnPort.emit``; waits while the kernel is slow to read."""
        self._channel.send(Step(self._turn, type_of(type(body)), encode(body)))

    async def call(self, tool: str, args: Mapping[str, Any]) -> Any:
        """As ``TurnPort.call``."""
        return await self._ask("call", tool=tool, args=dict(args))

    async def submit(
        self,
        agent: str,
        input: Mapping[str, Any],
        *,
        priority: int | None = None,
        deadline: float | None = None,
        key: str = "",
    ) -> str:
        """As ``TurnPort.submit``."""
        options = {"priority": priority, "deadline": deadline, "key": key}
        task: str = await self._ask("submit", agent=agent, input=dict(input), options=options)
        return task

    async def result(self, task: str) -> Any:
        """As ``TurnPort.result``."""
        return await self._ask("result", task=task)

    async def cancel(self, task: str, reason: str) -> None:
        """As ``TurnPort.cancel``."""
        await self._ask("cancel", task=task, reason=reason)

    def model(self, name: str | None = None) -> ChatModel:
        """As ``TurnPort.model``; a model that is not there says so when it is used."""
        return _RemoteModel(self, name)

    async def asked(self, method: str, params: Mapping[str, Any]) -> Any:
        """The kernel's answer to a request of the kind that plugins make."""
        return await self._ask("host", method=method, params=dict(params))

    async def _ask(self, method: str, /, **args: Any) -> Any:
        return await self._requests.ask(self._turn, method, args)

    async def stream(self, **args: Any) -> AsyncGenerator[Delta, None]:
        """The deltas of a model's answer."""
        async for delta in self._requests.stream(self._turn, "stream", args):
            yield msgspec.convert(delta, Delta)


class _Host:
    """A ``HostPort``; a plain agent waits by ``ctx.wait``."""

    def __init__(self, port: RemotePort) -> None:
        self._port = port

    async def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        """As ``HostPort.ask``."""
        return await self._port.asked(method, params)

    def wait(self, method: str, params: Mapping[str, Any]) -> Any:
        """As ``HostPort.wait``; here nobody asks so."""
        raise RuntimeError(f"{method}: ask by ctx.wait")


class _RemoteModel:
    """A ``ChatModel`` that the kernel calls for the child."""

    def __init__(self, port: RemotePort, name: str | None) -> None:
        self._port = port
        self._name = name

    @property
    def name(self) -> str:
        """As ``ChatModel.name``."""
        return self._name or self._port.model_name

    async def stream(
        self, messages: Sequence[Message], **options: Any
    ) -> AsyncGenerator[Delta, None]:
        """As ``ChatModel.stream``."""
        deltas = self._port.stream(model=self._name, messages=list(messages), options=options)
        try:
            async for delta in deltas:
                yield delta
        finally:
            await deltas.aclose()

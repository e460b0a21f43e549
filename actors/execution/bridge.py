"""A turn's port for code on another loop than the agents': each call is carried across."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from retinue.bus.messages import EventBody

if TYPE_CHECKING:
    from retinue.plugins.llm.model import ChatModel, Delta
    from retinue.plugins.port import TurnPort

__all__ = ["BridgedPort", "Run"]

Run = Callable[[Coroutine[Any, Any, Any], str], Future[Any]]
"""``run(coroutine, agent)``: start it on the agents' loop; cancelling the future cancels it."""


class BridgedPort:
    """A ``TurnPort`` whose coroutines may be awaited on any loop."""

    def __init__(self, port: TurnPort, run: Run) -> None:
        self._port = port
        self._run = run
        self.run, self.task, self.agent = port.run, port.task, port.agent
        self.attempt, self.deadline, self.state = port.attempt, port.deadline, port.state

    @property
    def cancelled(self) -> bool:
        """As ``TurnPort.cancelled``."""
        return self._port.cancelled

    def emit(self, body: EventBody) -> None:
        """As ``TurnPort.emit``."""
        self._port.emit(body)

    async def call(self, tool: str, args: Mapping[str, Any]) -> Any:
        """As ``TurnPort.call``."""
        return await self._across(self._port.call(tool, args))

    async def submit(self, agent: str, input: Mapping[str, Any], **options: Any) -> str:
        """As ``TurnPort.submit``."""
        task: str = await self._across(self._port.submit(agent, input, **options))
        return task

    async def result(self, task: str) -> Any:
        """As ``TurnPort.result``."""
        return await self._across(self._port.result(task))

    async def cancel(self, task: str, reason: str) -> None:
        """As ``TurnPort.cancel``."""
        await self._across(self._port.cancel(task, reason))

    def model(self, name: str | None = None) -> ChatModel:
        """As ``TurnPort.model``."""
        return _BridgedModel(self._port.model(name), self._run, self.agent)

    def _across(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Future[Any]:
        return asyncio.wrap_future(self._run(coroutine, self.agent))


class _BridgedModel:
    """A ``ChatModel`` whose stream runs on the agents' loop and is handed over delta by delta."""

    def __init__(self, model: ChatModel, run: Run, agent: str) -> None:
        self._model = model
        self._run = run
        self._agent = agent

    @property
    def name(self) -> str:
        """As ``ChatModel.name``."""
        return self._model.name

    async def stream(self, *messages: Any, **options: Any) -> AsyncGenerator[Delta, None]:
        """As ``ChatModel.stream``."""
        arrived: asyncio.Queue[Delta | None] = asyncio.Queue()
        hand_over = partial(_put, asyncio.get_running_loop(), arrived)
        deltas = self._model.stream(*messages, **options)
        future = self._run(_pump(deltas, hand_over), self._agent)
        future.add_done_callback(lambda _: hand_over(None))
        try:
            while (delta := await arrived.get()) is not None:
                yield delta
            future.result()  # done, so it does not wait: it raises what the model raised
        finally:
            future.cancel()


async def _pump(
    deltas: AsyncGenerator[Delta, None], hand_over: Callable[[Delta | None], None]
) -> None:
    async with aclosing(deltas):
        async for delta in deltas:
            hand_over(delta)


def _put(
    loop: asyncio.AbstractEventLoop, arrived: asyncio.Queue[Delta | None], delta: Delta | None
) -> None:
    with suppress(RuntimeError):  # the reader's loop has ended: nobody reads
        loop.call_soon_threadsafe(arrived.put_nowait, delta)

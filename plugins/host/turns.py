"""One turn inside an agent's own process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent import futures
from typing import Any

from retinue.bus.codec import encode_value
from retinue.plugins.agents import AgentSpec
from retinue.plugins.context import Context, SyncContext
from retinue.plugins.runner import Runner

from .failures import describe
from .frames import Begin, Ended
from .remote import RemotePort

__all__ = ["ChildTurn"]


class ChildTurn:
    """Runs on the child's loop, or for a plain function in ``pool``, which blocks on that loop."""

    def __init__(self, begin: Begin, spec: AgentSpec, runner: Runner, port: RemotePort) -> None:
        self.number = begin.turn
        self._begin = begin
        self._spec = spec
        self._runner = runner
        self._port = port
        self._task: asyncio.Task[Any] | None = None
        self._waits: set[futures.Future[Any]] = set()
        self._loop = asyncio.get_running_loop()

    async def run(self, pool: futures.Executor) -> Ended:
        """The agent's turn, whatever it comes to."""
        self._task = asyncio.current_task()
        try:
            if self._port.cancelled:  # before it could begin
                told = asyncio.CancelledError(self._port.reason)
                return Ended(self.number, failure=describe(told))
            if self._spec.is_async:
                return await self._await()
            return await self._loop.run_in_executor(pool, self._ended, self._call)
        except BaseException as error:  # noqa: BLE001 - SystemExit too ends here
            return Ended(self.number, failure=describe(error))

    def tell(self, reason: str) -> None:
        """It has to stop."""
        self._port.cancelled = True
        self._port.reason = reason
        for future in list(self._waits):
            future.cancel()
        if self._spec.is_async and self._task is not None:
            self._task.cancel(reason)

    async def _await(self) -> Ended:
        params = self._spec.check(self._begin.input)
        value = await self._runner.run(Context(self._port), params)
        return self._ended(lambda: value)

    def _call(self) -> Any:
        context = SyncContext(self._port, self._wait)
        return self._runner.run(context, self._spec.check(self._begin.input))

    def _ended(self, value: Callable[[], Any]) -> Ended:
        try:
            result = encode_value(value(), "the agent's result")
            state = encode_value(self._port.state, "the agent's state")
        except BaseException as error:  # noqa: BLE001 - also what the agent raised in the pool
            return Ended(self.number, failure=describe(error))
        return Ended(self.number, result, state)

    def _wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        if self._port.cancelled:
            coroutine.close()
            raise asyncio.CancelledError(self._port.reason)
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        self._waits.add(future)
        try:
            return future.result()
        except futures.CancelledError:
            raise asyncio.CancelledError(self._port.reason) from None
        finally:
            self._waits.discard(future)

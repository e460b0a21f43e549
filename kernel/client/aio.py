"""``AsyncClient``: the same for programs with a running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from retinue.bus.wire import ObservedEvent

from .calls import CallEvent, told
from .sync import Client, event_of
from .transport import Query

__all__ = ["AsyncClient"]

P = ParamSpec("P")
R = TypeVar("R")


def _awaitable(
    method: Callable[Concatenate[Client, P], R],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]]:
    """The same, awaited."""

    async def called(self: AsyncClient, /, *args: P.args, **options: P.kwargs) -> R:
        return await self.call(method, *args, **options)

    called.__name__, called.__doc__ = method.__name__, method.__doc__
    return called


class AsyncClient:
    """``Client`` for a running event loop, which it does not block. Use it in an ``async with``.

    Requests run on threads of its own, ``most`` at once. One that is given up is not taken back: the
    daemon does what it was asked to, and the thread is free when it answers.
    """

    def __init__(
        self,
        socket: str | Path | None = None,
        timeout: float = 30.0,
        *,
        url: str | None = None,
        token: str | None = None,
        ca_file: str | None = None,
        most: int = 64,
    ) -> None:
        """As ``Client``. Threads are started when they are needed."""
        self._client = Client(socket, timeout, url=url, token=token, ca_file=ca_file)
        self._threads = ThreadPoolExecutor(most, "retinue-client")

    def __repr__(self) -> str:
        return f"<Async{repr(self._client)[1:]}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take no more requests; those under way end with their answers."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def call(
        self, method: Callable[Concatenate[Client, P], R], *args: P.args, **options: P.kwargs
    ) -> R:
        """Any method of ``Client``, on a thread: ``await client.call(Client.get, path, dict)``."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, lambda: method(self._client, *args, **options)
        )

    async def events(self, query: Query | None = None) -> AsyncIterator[ObservedEvent]:
        """The events of ``GET /v1/events``; raises what breaks the stream off."""
        lines = await self.call(Client.lines, "/v1/events", query)
        loop = asyncio.get_running_loop()
        try:
            while line := await loop.run_in_executor(self._threads, next, lines, b""):
                yield event_of(line)
        finally:
            lines.close()

    async def invoke_stream(
        self,
        tool: str,
        args: Mapping[str, Any] | None = None,
        timeout: float = 30.0,  # noqa: ASYNC109 - the daemon bounds it
        *,
        cancel_on_disconnect: bool = False,
    ) -> AsyncIterator[CallEvent]:
        """As ``Client.invoke_stream``. Close it (``aclosing``) when it is not read to its end."""
        lines = await self.call(
            Client.invoked, tool, args, timeout, cancel_on_disconnect=cancel_on_disconnect
        )
        loop = asyncio.get_running_loop()
        events = told(lines)
        try:
            while (
                event := await loop.run_in_executor(self._threads, next, events, None)
            ) is not None:
                yield event
        finally:
            lines.close()

    submit = _awaitable(Client.submit)
    task = _awaitable(Client.task)
    tasks = _awaitable(Client.tasks)
    wait = _awaitable(Client.wait)
    cancel = _awaitable(Client.cancel)
    retry = _awaitable(Client.retry)
    run = _awaitable(Client.run)
    runs = _awaitable(Client.runs)
    status = _awaitable(Client.status)
    agents = _awaitable(Client.agents)
    agent = _awaitable(Client.agent)
    spawn = _awaitable(Client.spawn)
    stop_agent = _awaitable(Client.stop_agent)
    plugins = _awaitable(Client.plugins)
    invoke = _awaitable(Client.invoke)
    approvals = _awaitable(Client.approvals)
    approve = _awaitable(Client.approve)
    deny = _awaitable(Client.deny)

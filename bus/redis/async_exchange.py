"""Carries out a reader's steps on an event loop; see ``exchange``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import redis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from .access import Access
from .exchange import Action, Ask, Drop, Listen, Pause, Steps, T, packed
from .pools import make_pool
from .resolving import Place

__all__ = ["AsyncLine"]


class AsyncLine:
    """Like ``Line``, for one task at a time. A step that is cancelled loses the connection."""

    def __init__(
        self, url: str, timeout: float, *, slot: str = "", access: Access | None = None
    ) -> None:
        """Opens nothing yet; the rest as for ``client.connection``."""
        # The pool is never used: it knows what a connection to the URL is made of.
        pool = make_pool(url, timeout, timeout, slot, access)
        self._options = dict(pool.connection_kwargs) | {"retry": Retry(NoBackoff(), 0)}
        # redis-py bounds a write with asyncio.wait_for, in which Python 3.11 loses cancellations.
        self._options["socket_timeout"] = None
        self._timeout = timeout
        self._place: Place | None = self._options.pop("place", None)
        self._secure = any(kind.__name__ == "SSLConnection" for kind in pool.connection_class.mro())
        self._connection: Any = None
        self._closed = asyncio.Event()

    async def run(self, steps: Steps[T]) -> T:
        """Carry out the steps, and give what they return; the connection is kept for the next."""
        try:
            action = next(steps)
            while True:
                try:
                    answer = await self._do(action)
                except redis.RedisError as error:
                    action = steps.throw(error)
                else:
                    action = steps.send(answer)
        except StopIteration as end:
            return cast("T", end.value)
        except BaseException:
            await self.drop()  # a reply may be on its way that nobody waits for any more
            raise
        finally:
            steps.close()

    async def drop(self) -> None:
        """Close the connection; the next action opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    def close(self) -> None:
        """End pauses, from now on."""
        self._closed.set()

    async def _do(self, action: Action) -> Any:
        match action:
            case Ask(commands):
                async with _bounded(self._timeout):
                    connection = await self._opened()
                    await connection.send_packed_command(packed(commands), check_health=False)
                    return [await self._reply(connection) for _ in commands]
            case Listen(seconds):
                return await self._message(seconds)
            case Pause(seconds):
                await self._pause(seconds)
            case Drop():
                await self.drop()
        return None

    async def _message(self, seconds: float) -> Any:
        async with _bounded(self._timeout):
            connection = await self._opened()
        try:
            return await connection.read_response(
                timeout=max(seconds, 0.001), disconnect_on_error=False, push_request=True
            )
        except redis.TimeoutError:
            return None

    async def _reply(self, connection: Any) -> Any:
        try:
            return await connection.read_response(push_request=True)
        except redis.ResponseError as error:
            return error

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)

    async def _opened(self) -> Any:
        if self._connection is None:
            self._connection = await self._made()
            await self._connection.connect()
            if self._place is not None:
                await self._connection.send_command("HELLO", check_health=False)
                self._place.accept(await self._connection.read_response())
        return self._connection

    async def _made(self) -> Any:
        options = dict(self._options)
        if "path" in options:
            return UnixDomainSocketConnection(**options)
        if self._place is not None:
            options["host"], options["port"] = await asyncio.to_thread(self._place.find)
        return (SSLConnection if self._secure else Connection)(**options)


@contextlib.asynccontextmanager
async def _bounded(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise redis.TimeoutError(f"no answer within {seconds:g} s") from error

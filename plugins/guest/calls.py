"""One call of a tool inside a plugin's process: checked, run, cancelled, answered."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable, Mapping
from concurrent import futures
from typing import Any

import msgspec

from retinue.bus.codec import encode_value
from retinue.bus.errors import UnknownTool

from ..host.faults import pack
from ..protocol.frames import Call, Event, Fault, Reply, Stream
from ..tools import Tool, ToolContext
from .channel import Channel
from .host import Host, during

__all__ = ["ToolCall"]


class ToolCall:
    """Lives from the ``Call`` to the ``Reply``. All but the context belongs to the loop's thread."""

    def __init__(
        self,
        call: Call,
        params: bytes,
        channel: Channel,
        host: Host,
        answered: Callable[[int], object],
    ) -> None:
        """``answered`` gets the call's id right after its answer was sent."""
        self._call = call
        self._params = params
        self._channel = channel
        self._host = host
        self._answered = answered
        self._over = False
        self._awaits = False
        self._task: asyncio.Task[None] | None = None

    def start(self, tools: Mapping[str, Any], pool: futures.Executor) -> None:
        """Begin; what goes wrong is the call's answer."""
        self._task = asyncio.get_running_loop().create_task(self._answer(tools, pool))

    def cancel(self) -> None:
        """Nobody waits any more. A plain function has to look at ``ctx.cancelled``, and return.

        Until it has, its call is not answered: a thread that goes on has to be seen by the host.
        A task that did not begin yet is left to find out: cancelled, it would not answer at all.
        """
        self._over = True
        if self._task is not None and self._awaits:
            self._task.cancel()

    async def _answer(self, tools: Mapping[str, Any], pool: futures.Executor) -> None:
        number = self._call.id
        try:
            self._refuse_when_over()
            value = encode_value(await self._run(tools, pool), "the result")
        except BaseException as error:  # noqa: BLE001 - SystemExit too is only this call's end
            fault = pack(error)
            fields = msgspec.json.encode(fault.fields)
            told = Fault(fault.kind[:256], fault.message, fields)
            self._channel.send(Reply(number, fault=told))
        else:
            self._channel.send_value(number, value, lambda rest: Reply(number, rest))
        finally:
            self._over = True
            self._answered(number)

    async def _run(self, tools: Mapping[str, Any], pool: futures.Executor) -> Any:
        params: dict[str, Any] = msgspec.json.decode(self._params)
        tool: Tool | None = tools.get(params["tool"])
        if tool is None:
            raise UnknownTool(f"this plugin has no tool {params['tool']!r}: {', '.join(tools)}")
        checked = tool.check(params["args"])
        during.set(self._call.id)
        context = self._context()
        if tool.is_async:
            self._awaits = True
            return await tool.call(checked, context)
        copied = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, lambda: copied.run(tool.call, checked, context))

    def _refuse_when_over(self) -> None:
        if self._over:
            raise asyncio.CancelledError("it was told to end before it began")

    def _is_over(self) -> bool:
        return self._over

    def _context(self) -> ToolContext:
        def progress(done: float, total: float, note: str) -> None:
            self._channel.send(Event(self._call.id, float(done), float(total), note[:4096]))

        def stream(value: Any) -> None:
            body = encode_value(value, "a piece of the tool's output")
            self._channel.send(Stream(self._call.id, body))

        return ToolContext(
            progress,
            self._is_over,
            time.time() + self._call.seconds,
            effect=self._call.effect,
            stream=stream,
            host=_HostOf(self._host, asyncio.get_running_loop()),
        )


class _HostOf:
    """The host for one call; usable from its thread as well as from the loop."""

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        self._host = host
        self._loop = loop

    async def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        """Ask on the guest's loop."""
        return await self._host.ask(method, params)

    def wait(self, method: str, params: Mapping[str, Any]) -> Any:
        """Ask from a thread of a plain tool, and block for the answer."""
        call = during.get()

        async def asked() -> Any:
            during.set(call)
            return await self._host.ask(method, params)

        return asyncio.run_coroutine_threadsafe(asked(), self._loop).result()

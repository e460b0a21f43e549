"""What a plugin's process asks its host for, while it works on a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from retinue.bus.clock import Clock
from retinue.bus.errors import Denied, PluginError, RetinueError

from ..host.faults import pack
from ..protocol.frames import Ask, Fault, Reply
from ..protocol.wire import encode, in_parts
from .calls import CallContext, Mediator
from .output import escaped
from .pace import Allowance

__all__ = ["Asks"]

_ASKS, _REFUSALS = 1000.0, 50.0
"""A second, and at once. Each refusal is an event: whoever goes on trying has to wait for it."""


class Asks:
    """The open requests of one process. On its loop."""

    def __init__(
        self,
        mediator: Mediator,
        context_of: Callable[[int], CallContext | None],
        answer: Callable[[int, bytes], None],
        room: Callable[[], Awaitable[None]],
        clock: Clock,
    ) -> None:
        """``context_of`` gives an open call of the host's; ``answer`` gets the bytes to send.

        ``room`` returns when the process has read most of what it was sent: a plugin that asks for
        much at once gets it as fast as it reads, and is not ended for being slow.
        """
        self._room = room
        self._mediator = mediator
        self._context_of = context_of
        self._answer = answer
        self._monotonic = clock.monotonic
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._asking = Allowance(_ASKS, _ASKS)
        self._refusing = Allowance(_REFUSALS, _REFUSALS)

    def take(self, ask: Ask) -> None:
        """Have it decided and done."""
        self._tasks[ask.id] = asyncio.get_running_loop().create_task(self._mediate(ask))

    def take_back(self, id: int) -> None:
        """The answer is not wanted any more."""
        if (task := self._tasks.get(id)) is not None:
            task.cancel()

    def close(self) -> None:
        """Nobody is left to answer."""
        for task in list(self._tasks.values()):
            task.cancel()

    def _during(self, ask: Ask) -> CallContext:
        context = self._context_of(ask.during)
        if context is None:
            raise PluginError(f"{escaped(ask.method)} was asked for outside an open call")
        return context

    async def _mediate(self, ask: Ask) -> None:
        """Have the mediator decide and do, and send what came of it."""
        try:
            answer = await self._decided(ask)
            await self._room()
        except asyncio.CancelledError:
            answer = _fault(ask.id, Fault("CancelledError", "it was taken back"))
        finally:
            self._tasks.pop(ask.id, None)
        self._answer(ask.id, answer)

    async def _decided(self, ask: Ask) -> bytes:
        """The frames of the answer."""
        try:
            await asyncio.sleep(self._asking.delay(self._monotonic()))
            context = self._during(ask)
            return _value(ask.id, await self._mediator.handle(context, ask.method, ask.params))
        except RetinueError as error:
            if isinstance(error, Denied):
                await asyncio.sleep(self._refusing.delay(self._monotonic()))
            told = pack(error)
            fields = msgspec.json.encode(told.fields)
            return _fault(ask.id, Fault(told.kind, told.message, fields))
        except Exception as error:  # noqa: BLE001 - a bug of a service is told, and no plugin waits
            about = {"message": f"a plugin asked for {escaped(ask.method)}", "exception": error}
            asyncio.get_running_loop().call_exception_handler(about)
            return _fault(ask.id, Fault("RetinueError", f"{escaped(ask.method)} failed"))


def _value(id: int, value: bytes) -> bytes:
    parts, rest = in_parts(id, value, asked=True)
    return b"".join([*parts, encode(Reply(id, rest, asked=True))])


def _fault(id: int, fault: Fault) -> bytes:
    return encode(Reply(id, fault=fault, asked=True))

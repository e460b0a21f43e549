"""What the child has asked the kernel for and waits to hear about."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec

from retinue.bus.codec import encode_value

from .channel import BlockingChannel
from .faults import unpack
from .frames import Answer, Ask, Chunk, Drop

__all__ = ["Requests"]


class Requests:
    """The child's open requests. Everything but ``take`` is awaited on the child's loop."""

    def __init__(self, channel: BlockingChannel) -> None:
        self._channel = channel
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Queue[Answer | Chunk]] = {}

    async def ask(self, turn: int, method: str, args: Mapping[str, Any]) -> Any:
        """The answer to one request; raises the error that it was answered with."""
        answer: Any = None
        async for value in self.stream(turn, method, args, whole=True):
            answer = value
        return answer

    async def stream(
        self, turn: int, method: str, args: Mapping[str, Any], *, whole: bool = False
    ) -> AsyncGenerator[Any, None]:
        """The pieces of a stream, or with ``whole`` the one value of its answer."""
        number = next(self._numbers)
        arrived: asyncio.Queue[Answer | Chunk] = asyncio.Queue()
        self._open[number] = arrived
        try:
            body = encode_value(dict(args), f"the arguments of {method}")
            self._channel.send(Ask(turn, number, method, body))
            while isinstance(piece := await arrived.get(), Chunk):
                yield msgspec.json.decode(piece.value)
        except BaseException:
            if number in self._open:
                self._channel.send(Drop(turn, number))
            raise
        finally:
            self._open.pop(number, None)
        if piece.fault is not None:
            raise unpack(piece.fault)
        if whole:
            yield msgspec.json.decode(piece.value)

    def take(self, piece: Answer | Chunk) -> None:
        """Hand over what came; a request that was dropped meanwhile takes no notice."""
        arrived = self._open.get(piece.request)
        if arrived is not None:
            arrived.put_nowait(piece)

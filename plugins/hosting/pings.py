"""Asking a process whether it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from retinue.bus.errors import DeadlineExceeded

from ..protocol.frames import Pong

__all__ = ["Pings", "fail"]


class Pings:
    """Those of one process that were not answered yet. On its loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._open: dict[int, asyncio.Future[None]] = {}

    async def send(self, number: int, seconds: float, send: Callable[[], None]) -> None:
        """Wait for the answer to what ``send`` sends; raises ``DeadlineExceeded``."""
        answer = self._open[number] = self._loop.create_future()
        send()
        limit = self._loop.call_later(seconds, _unanswered, answer, seconds)
        try:
            await answer
        finally:
            limit.cancel()
            self._open.pop(number, None)

    def answered(self, pong: Pong) -> None:
        """It lives."""
        ping = self._open.get(pong.id)
        if ping is not None and not ping.done():
            ping.set_result(None)

    def fail(self, error: Exception) -> None:
        """It has ended."""
        for ping in self._open.values():
            fail(ping, error)


def fail(future: asyncio.Future[Any], error: Exception) -> None:
    """Fail it unless it is done; whoever waited may be gone, and that is no news."""
    if not future.done():
        future.set_exception(error)
        future.exception()


def _unanswered(ping: asyncio.Future[None], seconds: float) -> None:
    fail(ping, DeadlineExceeded(f"its loop did not answer within {seconds:g} s"))

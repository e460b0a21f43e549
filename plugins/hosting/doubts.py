"""Calls that were told to end and have not yet: until they do, their process may hang."""

from __future__ import annotations

import asyncio
from contextlib import suppress

__all__ = ["Doubts"]


class Doubts:
    """True while there are any. A new call waits: what is sent to a process that hangs is lost."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """``loop`` is where ``over`` is awaited."""
        self._loop = loop
        self._calls: set[int] = set()
        self._none = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, call: int) -> None:
        """It was told to end. Any thread, under the owner's lock."""
        self._calls.add(call)

    def drop(self, call: int) -> None:
        """It has ended. Any thread, under the owner's lock."""
        if call in self._calls:
            self._calls.remove(call)
            self._look()

    def close(self) -> None:
        """The process has ended, and with it all calls. Any thread, under the owner's lock."""
        self._calls.clear()
        self._look()

    async def over(self) -> None:
        """Return once there are none."""
        while self._calls:
            self._none.clear()
            await self._none.wait()

    def _look(self) -> None:
        if not self._calls:
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(self._none.set)

"""Clients write a few at a time, so that the kernel's threads never wait for all of them."""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Turns"]

AT_ONCE = 10
"""Clients that are woken together: as many writes as take half a millisecond."""
PAUSE = 0.002
"""Seconds until the next ones are."""
ROUND = 0.05
"""Seconds in which everyone has had a turn, however many there are."""


class Turns:
    """Whoever has something to write is woken when it is its turn. Lives on the server's loop.

    200 in a row would contend for the interpreter for 8 ms, 20 times a second, with a task of the
    kernel's that changes threads ten times: its p99 was three times what it is without clients.
    """

    def __init__(self) -> None:
        """Nobody waits."""
        self._waiting: deque[asyncio.Event] = deque()
        self._known: set[asyncio.Event] = set()
        self._next: asyncio.Handle | None = None

    def take(self, wake: asyncio.Event) -> None:
        """Set ``wake`` when it is its turn: at once while there are few."""
        if wake in self._known:
            return
        self._known.add(wake)
        self._waiting.append(wake)
        if self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._some)

    def clear(self) -> None:
        """Forget everyone."""
        self._waiting.clear()
        self._known.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _some(self) -> None:
        share = max(AT_ONCE, round(len(self._waiting) * PAUSE / ROUND))
        for _ in range(min(share, len(self._waiting))):
            wake = self._waiting.popleft()
            self._known.discard(wake)
            wake.set()
        self._next = None
        if self._waiting:
            self._next = asyncio.get_running_loop().call_later(PAUSE, self._some)

"""Answers whose bodies are still being read: few, by handle, and gone with their call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from retinue.bus.errors import NotFound

from ...hosting.calls import CallContext
from .bodies import Body
from .exchange import Exchange

__all__ = ["Opened", "OpenedBodies"]

MAX_OPEN = 16
"""Bodies that one plugin may have open; the one that was opened first is closed for one more."""


class Opened:
    """One body, its connection and its end; on the loop that opened it."""

    def __init__(self, exchange: Exchange, body: Body, ends: float) -> None:
        """``ends`` is the moment of the loop's clock at which it is closed."""
        self._exchange = exchange
        self.body = body
        self.ends = ends
        self.reading = asyncio.Lock()
        self.timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Let go of the connection. Safe to repeat; on its loop."""
        self._exchange.close()
        if self.timer is not None:
            self.timer.cancel()


class OpenedBodies:
    """All of them. Those of one call are touched on one loop only."""

    def __init__(self, token: Callable[[], str]) -> None:
        """``token`` makes names that cannot be guessed."""
        self._token = token
        self._open: dict[tuple[int, str], tuple[str, Opened]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def keep(self, call: CallContext, opened: Opened) -> str:
        """The handle under which the same call reads on; closed by itself at its end."""
        loop = asyncio.get_running_loop()
        whose = call.principals.plugin or f"agent:{call.principals.agent}"
        mine = [key for key, (owner, _) in self._open.items() if owner == whose]
        for key in mine[: max(0, len(mine) + 1 - MAX_OPEN)]:
            self._drop(key)
        key = (call.call, self._token())
        self._open[key] = whose, opened
        opened.timer = loop.call_at(opened.ends, self._drop, key)
        return key[1]

    def find(self, call: CallContext, handle: str) -> Opened:
        """Raises ``NotFound`` for one of another call, or one that was closed."""
        known = self._open.get((call.call, handle))
        if known is None:
            raise NotFound(
                "http: this answer is closed: it was read, took too long, or was never yours"
            )
        return known[1]

    def close(self, call: CallContext, handle: str) -> None:
        """Let go of one; none is fine."""
        self._drop((call.call, handle))

    def _drop(self, key: tuple[int, str]) -> None:
        known = self._open.pop(key, None)
        if known is not None:
            known[1].close()

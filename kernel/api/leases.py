"""Requests that go on for long end when the token that let them in no longer counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import Message, Receive, Scope

from ..tokens import Token, TokenFile

__all__ = ["ENDED", "Leases"]

_EVERY = 0.4  # seconds, so that an end comes within one
ENDED = "the token has expired or was revoked"
_POLICY = 1008  # of WebSockets: the peer broke a rule


class Leases:
    """Looks at the tokens of open requests, as long as there are any. The loop's thread's."""

    def __init__(self, tokens: TokenFile) -> None:
        """Nothing is looked at before the first lease."""
        self._tokens = tokens
        self._open: dict[asyncio.Future[None], Token] = {}
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def held(self, token: Token, scope: Scope, receive: Receive) -> Iterator[Receive]:
        """A ``receive`` that gives a disconnection once ``token`` no longer counts."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        self._open[ended] = token
        if self._timer is None:
            self._timer = loop.call_later(_EVERY, self._look)
        gone: Message = {"type": f"{scope['type']}.disconnect", "reason": ENDED, "ended": True}
        if scope["type"] == "websocket":
            gone["code"] = _POLICY
        try:
            yield _until(ended, receive, gone)
        finally:
            del self._open[ended]

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_EVERY, self._look) if self._open else None
        known: dict[Token, bool] = {}
        for ended, token in self._open.items():
            if token not in known:
                known[token] = self._holds(token)
            if not known[token] and not ended.done():
                ended.set_result(None)

    def _holds(self, token: Token) -> bool:
        try:
            return self._tokens.holds(token)
        except (OSError, ValueError):  # a file that cannot be read lets nobody in
            return False


def _until(ended: asyncio.Future[None], receive: Receive, gone: Message) -> Receive:
    async def next_message() -> Message:
        if ended.done():
            return gone
        asked: asyncio.Future[Message] = asyncio.ensure_future(receive())
        try:
            both: tuple[asyncio.Future[Any], ...] = (asked, ended)
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked.done() else gone
        finally:
            asked.cancel()

    return next_message

"""``Idempotency-Key``: what is sent again gets the first answer, and nothing happens twice."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.responses import Response

from .reading import Reused
from .responses import Reply

__all__ = ["KEY", "Repeats"]

KEY = re.compile(r"[!-~]{1,200}")
_MOST = 10_000
_MOST_BYTES = 32 * 1024 * 1024


class _Given(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class _Known(NamedTuple):
    digest: bytes
    answer: asyncio.Future[_Given | None]


class Repeats:
    """The answers to the last requests that had a key. In memory; the loop's thread's.

    What is refused as malformed or failed with a 5xx is not kept: sent again, it is tried again.
    """

    def __init__(self) -> None:
        """Nothing is known at first."""
        self._known: OrderedDict[tuple[str, ...], _Known] = OrderedDict()
        self._bytes = 0

    async def once(
        self, scope: tuple[str, ...], body: bytes, answer: Callable[[], Awaitable[Response]]
    ) -> Response:
        """The answer; ``scope`` is who asks, what, and the key. Raises ``Reused`` for another body."""
        digest = hashlib.blake2b(body, digest_size=16).digest()
        known = self._known.get(scope)
        if known is not None:
            if known.digest != digest:
                raise Reused(
                    f"Idempotency-Key {scope[-1]}: it came before with another body; use a new key"
                )
            given = await asyncio.shield(known.answer)
            if given is not None:
                headers = {**given.headers, "idempotency-replayed": "true"}
                return Reply(given.body, given.status, headers)
        return await self._first(scope, digest, answer)

    async def _first(
        self, scope: tuple[str, ...], digest: bytes, answer: Callable[[], Awaitable[Response]]
    ) -> Response:
        waiting: asyncio.Future[_Given | None] = asyncio.get_running_loop().create_future()
        self._known[scope] = _Known(digest, waiting)
        given = None
        try:
            response = await answer()
            if response.status_code < 400:
                given = _Given(response.status_code, dict(response.headers), bytes(response.body))
            return response
        finally:
            waiting.set_result(given)
            self._keep(scope, given)

    def _keep(self, scope: tuple[str, ...], given: _Given | None) -> None:
        if given is None:
            del self._known[scope]
            return
        self._bytes += len(given.body)
        while len(self._known) > _MOST or self._bytes > _MOST_BYTES:
            oldest = next((s for s, k in self._known.items() if k.answer.done()), None)
            if oldest is None:
                return
            kept = self._known.pop(oldest).answer.result()
            self._bytes -= 0 if kept is None else len(kept.body)

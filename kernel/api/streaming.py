"""A response that goes on for as long as its client follows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from retinue.bus.errors import Denied

if TYPE_CHECKING:
    from .live.watch import Watch

__all__ = ["HEADERS", "Stream", "leave", "written"]

_PIECE = 32 * 1024
HEADERS = {
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # a proxy that collects would make it late
    "x-content-type-options": "nosniff",
}


class Stream(Response):
    """What a watch gives, written as its client reads."""

    def __init__(self, watch: Watch, media_type: str) -> None:
        """The watch is closed with the response."""
        super().__init__(media_type=media_type)
        self._watch = watch
        del self.headers["content-length"]
        self.headers.update(HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until no more comes, or the client has gone."""
        watch = self._watch
        watch.abort = scope["state"].get("abort")
        leaving = asyncio.create_task(leave(receive, self._left))
        try:
            head = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **head})
            while (data := await watch.next()) is not None:
                await written(send, data)
            await send({"type": "http.response.body", "body": b""})
        finally:
            leaving.cancel()
            watch.close()

    def _left(self, refusal: Denied | None) -> None:
        if refusal is None:
            self._watch.finish()
        else:
            self._watch.fail(refusal)


async def leave(receive: Receive, left: Callable[[Denied | None], None]) -> None:
    """Call ``left`` once the client has gone, or with why it has to go."""
    while (message := await receive())["type"] != "http.disconnect":
        pass
    ended = message.get("ended")  # by the gate: its token no longer counts
    left(Denied("token", "", message["reason"]) if ended else None)


async def written(send: Send, data: bytes) -> None:
    """Write it in pieces: the server waits for its client between two of them."""
    for start in range(0, len(data), _PIECE):
        piece = data[start : start + _PIECE]
        await send({"type": "http.response.body", "body": piece, "more_body": True})

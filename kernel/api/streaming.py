"""A response that goes on for as long as its client follows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from retinue.bus.errors import Denied

if TYPE_CHECKING:
    from .live.watch import Watch

__all__ = ["Stream"]

_PIECE = 32 * 1024


class Stream(Response):
    """What a watch gives, written as its client reads."""

    def __init__(self, watch: Watch, media_type: str) -> None:
        """The watch is closed with the response."""
        super().__init__(media_type=media_type)
        self._watch = watch
        del self.headers["content-length"]
        self.headers["cache-control"] = "no-store"
        self.headers["x-accel-buffering"] = "no"  # a proxy that collects would make it late
        self.headers["x-content-type-options"] = "nosniff"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until no more comes, or the client has gone."""
        watch = self._watch
        watch.abort = scope["state"].get("abort")
        leaving = asyncio.create_task(self._leave(receive))
        try:
            head = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **head})
            while (data := await watch.next()) is not None:
                for start in range(0, len(data), _PIECE):
                    await _write(send, data[start : start + _PIECE])
            await send({"type": "http.response.body", "body": b""})
        finally:
            leaving.cancel()
            watch.close()

    async def _leave(self, receive: Receive) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            pass
        if message.get("ended"):  # by the gate: its token no longer counts
            self._watch.fail(Denied("token", "", message["reason"]))
        else:
            self._watch.finish()


async def _write(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})

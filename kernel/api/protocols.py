"""uvicorn's protocols, with what live clients need of them: frames at once, and a way to hang up."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

__all__ = ["FIRST_REQUEST", "HttpProtocol", "SocketProtocol"]

FIRST_REQUEST = 10.0
"""Seconds until a new connection must have sent a whole request's head."""
_HIGH_WATER = 16 * 1024  # bytes that a connection buffers until its writer waits


class HttpProtocol(H11Protocol):
    """``scope["state"]["abort"]`` cuts the connection; silence at its beginning does so too."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by the loop."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.app_state = {**self.app_state, "abort": transport.abort}
        self.loop.call_later(FIRST_REQUEST, self._expect_request)

    def _expect_request(self) -> None:
        is_ours = self.transport.get_protocol() is self  # not since a WebSocket took it over
        begun: object = self.cycle
        if is_ours and begun is None:
            self.transport.abort()


class SocketProtocol(WebSocketsSansIOProtocol):
    """Takes ``{"type": "websocket.send", "frames": …}``: whole frames, written as they are.

    The frames of one event are then made once for all clients, and many go out in one write.
    """

    async def send(self, message: Any) -> None:
        """Called by the application."""
        frames = message.get("frames")
        if frames is None:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.transport.is_closing():
            raise ClientDisconnected
        self.transport.write(frames)

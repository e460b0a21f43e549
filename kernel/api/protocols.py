"""uvicorn's protocols, with what live clients need of them: frames at once, and a way to hang up."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from .live.bucket import Bucket

__all__ = ["FIRST_REQUEST", "HttpProtocol", "Seldom", "SocketProtocol"]

FIRST_REQUEST = 10.0
"""Seconds until a new connection must have sent a whole request's head."""
LAST_BYTES = 60.0
"""Seconds that a client has to take the end of an answer."""
_WARNINGS = (0.1, 5.0)  # a second, and at once, however many requests are malformed
_HIGH_WATER = 16 * 1024  # bytes that a connection buffers until its writer waits


class HttpProtocol(H11Protocol):
    """``scope["state"]["abort"]`` cuts the connection; silence at its beginning does so too."""

    def __init__(self, *args: Any, log: Seldom, **kwargs: Any) -> None:
        """Called by uvicorn; ``log`` is shared by all connections."""
        super().__init__(*args, **kwargs)
        self.logger = log  # type: ignore[assignment]
        self._piece: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by the loop."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.app_state = {**self.app_state, "abort": transport.abort}
        self.loop.call_later(FIRST_REQUEST, self._expect_request)

    def data_received(self, data: bytes) -> None:
        """Called by the loop. A head that comes in pieces has as long as the first one has."""
        super().data_received(data)
        if self._piece is None and self.conn.their_state is h11.IDLE:
            self._piece = self.loop.call_later(FIRST_REQUEST, self._expect_head)

    def _expect_head(self) -> None:
        self._piece = None
        is_ours = self.transport.get_protocol() is self
        if is_ours and self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self.transport.abort()

    def on_response_complete(self) -> None:
        """Called by uvicorn. What is written may still wait for a client that does not read it."""
        answered = self.cycle
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self.loop.call_later(LAST_BYTES, self._expect_reading, answered)

    def _expect_reading(self, answered: object) -> None:
        if self.cycle is answered and self.transport.get_write_buffer_size():
            self.transport.abort()

    def _expect_request(self) -> None:
        is_ours = self.transport.get_protocol() is self  # not since a WebSocket took it over
        begun: object = self.cycle
        if is_ours and begun is None:
            self.transport.abort()


class SocketProtocol(WebSocketsSansIOProtocol):
    """Takes ``{"type": "websocket.send", "frames": …}``: whole frames, written as they are.

    The frames of one event are then made once for all clients, and many go out in one write.
    """

    def data_received(self, data: bytes) -> None:
        """Called by the loop. uvicorn leaves a handshake that cannot be read without an answer."""
        super().data_received(data)
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            self.transport.abort()

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


class Seldom(logging.LoggerAdapter[logging.Logger]):
    """uvicorn's log, with few of its warnings: what clients send shall not fill the daemon's."""

    def __init__(self) -> None:
        """Used on the loop's thread alone."""
        super().__init__(logging.getLogger("uvicorn.error"))
        self._warnings = Bucket(*_WARNINGS, time.monotonic())

    @property
    def level(self) -> int:
        """The logger's own."""
        return self.logger.level

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        """Pass it on, unless it is one warning too many."""
        if level != logging.WARNING or self._warnings.try_one(time.monotonic()):
            super().log(level, msg, *args, **kwargs)

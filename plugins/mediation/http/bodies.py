"""The body of an answer: in pieces, unpacked, bounded, and without the secrets that were sent."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator

from retinue.bus.errors import Denied, FetchFailed
from retinue.bus.redact import BytesRedactor

from .headers import Head

__all__ = ["MAX_PIECE", "Body"]

MAX_PIECE = 96 * 1024
"""Bytes of one piece: 128 KiB as base64."""
_READ = 64 * 1024
_MAX_LINE = 4096
_MAX_TRAILERS = 64


class Body:
    """Read on the loop that opened it, one piece at a time. Nothing is read ahead but a buffer."""

    def __init__(
        self, reader: asyncio.StreamReader, head: Head, max_bytes: int, veil: BytesRedactor
    ) -> None:
        """``max_bytes`` bounds what it gives, unpacked; ``veil`` replaces secrets."""
        self._reader = reader
        self._head = head
        self._max_bytes = max_bytes
        self._veil = veil
        self._given = 0
        self._left = b""
        self._pieces = self._unpacked()
        self.over = False
        """Whether all of it was given."""

    async def read(self) -> bytes:
        """The next piece, empty at the end only.

        Raises ``Denied`` over ``max_bytes``, and ``FetchFailed`` for one that breaks off.
        """
        while not self._left and not self.over:
            piece = await anext(self._pieces, None)
            self.over = piece is None
            self._left = self._veil.flush() if piece is None else self._veil.feed(piece)
        piece, self._left = self._left[:MAX_PIECE], self._left[MAX_PIECE:]
        return piece

    @property
    def ended(self) -> bool:
        """Whether the next ``read`` has nothing to give."""
        return self.over and not self._left

    async def _unpacked(self) -> AsyncIterator[bytes]:
        """At most ``_READ`` bytes come of one step, however much a bomb would unfold to."""
        packed = self._head.get("content-encoding").lower()
        if packed in ("", "identity"):
            async for piece in self._raw():
                yield self._counted(piece)
            return
        if packed not in ("gzip", "x-gzip"):
            raise FetchFailed(f"the server packed its answer as {packed[:40]!r}, unasked")
        stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        async for piece in self._raw():
            while piece:
                unpacked = _unpack(stream, piece)
                if unpacked:
                    yield self._counted(unpacked)
                piece = stream.unconsumed_tail or stream.unused_data  # noqa: PLW2901
                if stream.eof:
                    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def _counted(self, piece: bytes) -> bytes:
        self._given += len(piece)
        if self._given > self._max_bytes:
            raise Denied(
                "http.size",
                f"{self._max_bytes} bytes",
                f"the answer has over {self._max_bytes:,} bytes: ask for more with max_bytes",
            )
        return piece

    async def _raw(self) -> AsyncIterator[bytes]:
        try:
            if self._head.framing == "length":
                async for piece in self._exactly(self._head.length):
                    yield piece
            elif self._head.framing == "chunked":
                async for piece in self._chunks():
                    yield piece
            elif self._head.framing == "close":
                while piece := await self._reader.read(_READ):
                    yield piece
        except (OSError, EOFError, ValueError) as error:
            raise FetchFailed(f"the answer broke off: {type(error).__name__}") from None

    async def _exactly(self, length: int) -> AsyncIterator[bytes]:
        while length:
            piece = await self._reader.read(min(length, _READ))
            if not piece:
                raise EOFError
            length -= len(piece)
            yield piece

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            line = await self._line()
            digits = line.partition(b";")[0].strip()
            if not 0 < len(digits) <= 8 or not set(digits) <= set(b"0123456789abcdefABCDEF"):
                raise ValueError(line)
            size = int(digits, 16)
            if not size:
                break
            async for piece in self._exactly(size):
                yield piece
            if await self._line():
                raise ValueError(line)
        for _ in range(_MAX_TRAILERS):
            if not await self._line():
                return
        raise ValueError

    async def _line(self) -> bytes:
        line = await self._reader.readuntil(b"\r\n")
        if len(line) > _MAX_LINE:
            raise ValueError
        return line[:-2]


def _unpack(stream: zlib._Decompress, piece: bytes) -> bytes:
    try:
        return stream.decompress(piece, _READ)
    except zlib.error:
        raise FetchFailed("the answer is not the gzip that it says it is") from None

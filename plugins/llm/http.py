"""A streaming POST over a Unix socket, with nothing but asyncio.

An HTTP package would cost every host of a local model 0.2 s of import for one request shape.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

__all__ = ["BadReply", "post_events"]

_LINE = 1 << 20  # bytes; longer than any event of one token
_FIELDS = (b"data", b"error")  # llama.cpp reports a late failure as ``error:``


class BadReply(Exception):
    """The server answered with an error status, which ``status`` holds, and a body."""

    def __init__(self, status: int, body: bytes) -> None:
        """``body`` is whatever the server sent, whole."""
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


async def post_events(socket: str, target: str, body: bytes) -> AsyncGenerator[bytes, None]:
    """POST ``body`` as JSON; the data of each server-sent event, up to ``[DONE]``.

    Closing the generator closes the connection, which is how the server learns to stop.
    Raises BadReply, OSError and EOFError (the stream broke off).
    """
    reader, writer = await asyncio.open_unix_connection(socket, limit=_LINE)
    try:
        writer.write(_request(target, body))
        await writer.drain()
        status, headers = await _head(reader)
        chunks = _chunks(reader) if headers.get("transfer-encoding") == "chunked" else None
        if status != 200 or chunks is None:
            raise BadReply(status, await _rest(reader, headers, chunks))
        async for data in _events(chunks):
            yield data
    finally:
        writer.close()
        with suppress(OSError):  # the other side may have gone first
            await writer.wait_closed()


def _request(target: str, body: bytes) -> bytes:
    return (
        f"POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split(" ")[1]), {key.lower(): value.strip() for key, _, value in pairs}


async def _rest(
    reader: asyncio.StreamReader, headers: dict[str, str], chunks: AsyncIterator[bytes] | None
) -> bytes:
    if chunks is not None:
        return b"".join([chunk async for chunk in chunks])
    return await reader.readexactly(int(headers.get("content-length", "0")))


async def _chunks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        chunk = await reader.readexactly(size + 2)
        yield chunk[:-2]


async def _events(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Events may be split over chunks, and a chunk may hold several."""
    held = b""
    async for chunk in chunks:
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            field, _, data = line.strip().partition(b":")
            data = data.lstrip()
            if data == b"[DONE]":
                return
            if field in _FIELDS:
                yield data
    raise EOFError("the stream ended without [DONE]")

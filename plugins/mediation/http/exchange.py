"""One request and the head of its answer, over a connection to an address that was pinned."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

import msgspec

from retinue.bus.errors import FetchFailed

from .headers import Head, parse_head, request_head
from .urls import Target

__all__ = ["Exchange", "Request", "exchange"]

_BUFFER = 64 * 1024
"""What may wait unread is twice this, and what a head may have."""
_CONNECT = 10.0
"""Seconds for one address, so that one which does not answer leaves time for the next."""
_INTERIM = 8
"""Answers of the 100s that are passed over."""


class Request(msgspec.Struct, frozen=True):
    """What is sent; header names in lower case, secrets filled in."""

    method: str
    target: Target
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target.host}>"


class Exchange(msgspec.Struct, frozen=True):
    """The answer's head, and where its body comes from."""

    head: Head
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def close(self) -> None:
        """Let go of the connection, at once."""
        self.writer.transport.abort()


async def exchange(
    request: Request, addresses: Sequence[str], tls: ssl.SSLContext | None
) -> Exchange:
    """Connect to the first address that answers, send, and read the head.

    The certificate has to be the host's by name, whatever the address. Raises ``FetchFailed``;
    whoever calls sets the deadline.
    """
    reader, writer = await _connected(request.target, addresses, tls)
    try:
        return Exchange(await _asked(request, reader, writer), reader, writer)
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        writer.transport.abort()
        what = type(error).__name__
        raise FetchFailed(f"{request.target.host} broke off before it answered: {what}") from None
    except BaseException:
        writer.transport.abort()
        raise


async def _connected(
    target: Target, addresses: Sequence[str], tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    cause = ""
    for address in addresses:
        try:
            async with asyncio.timeout(_CONNECT):
                return await asyncio.open_connection(
                    address,
                    target.port,
                    limit=_BUFFER,
                    ssl=tls,
                    server_hostname=target.host if tls else None,
                )
        except ssl.SSLCertVerificationError as error:
            cause = f"its certificate is not good for this name: {error.verify_message}"
        except (OSError, ssl.SSLError) as error:
            cause = getattr(error, "strerror", None) or type(error).__name__
    raise FetchFailed(f"{target.host}:{target.port} could not be connected to: {cause}")


async def _asked(
    request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Head:
    target = request.target
    head = request_head(
        request.method, target.authority, target.path, request.headers, len(request.body)
    )
    writer.write(head + request.body)
    await writer.drain()
    for _ in range(_INTERIM):
        answer = parse_head(await reader.readuntil(b"\r\n\r\n"), request.method)
        if answer.status >= 200:
            return answer
    raise FetchFailed(f"{target.host} answers and answers with what is no answer yet")

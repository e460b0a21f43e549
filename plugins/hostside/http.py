"""``ctx.http``: fetches that the host makes, from hosts that were granted."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from .asking import Asker

__all__ = ["Answer", "Http"]

MAX_BYTES = 8 << 20


class Answer:
    """What came back. ``headers`` in lower case, the last of a name; ``url`` after redirects."""

    def __init__(self, asker: Asker, given: Mapping[str, Any]) -> None:
        self._asker = asker
        self._handle: str = given["handle"]
        self._piece: bytes | None = base64.b64decode(given["data"])
        self.status: int = given["status"]
        self.url: str = given["url"]
        self.headers: dict[str, str] = dict(given["headers"])
        self.body = b""
        """The whole body, once ``fetch`` or ``whole`` has read it."""

    def __repr__(self) -> str:
        return f"<Answer {self.status} {self.url}>"

    @property
    def ok(self) -> bool:
        """Whether the status is of the 200s."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as UTF-8, what is none replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; raises ``msgspec.DecodeError``."""
        return msgspec.json.decode(self.body)

    async def read(self) -> bytes:
        """The next piece of the body, as it arrives; empty at its end."""
        if self._piece is not None:
            piece, self._piece = self._piece, None
            if piece or not self._handle:
                return piece
        if not self._handle:
            return b""
        given = await self._asker.ask("http.read", handle=self._handle)
        if not given["more"]:
            self._handle = ""
        return base64.b64decode(given["data"])

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, piece by piece."""
        while piece := await self.read():
            yield piece

    async def whole(self) -> bytes:
        """Read the rest, and keep it as ``body``."""
        pieces = [self.body]
        while piece := await self.read():
            pieces.append(piece)
        self.body = b"".join(pieces)
        return self.body

    async def close(self) -> None:
        """Let go of what was not read."""
        if self._handle:
            handle, self._handle = self._handle, ""
            await self._asker.ask("http.close", handle=handle)


class Http:
    """Raises ``Denied`` for what was not granted, ``FetchFailed``, ``DeadlineExceeded``.

    A status such as 404 is an answer. ``{secret:NAME}`` in a header's value is filled in by the
    host; the plugin sees the secret neither before nor after.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def fetch(
        self,
        url: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b"",
        *,
        redirects: int = 5,
        max_bytes: int = MAX_BYTES,
        seconds: float = 30.0,
    ) -> Answer:
        """The answer with its whole ``body``."""
        answer = await self.open(
            url,
            method,
            headers,
            body,
            redirects=redirects,
            max_bytes=max_bytes,
            seconds=seconds,
        )
        await answer.whole()
        return answer

    async def open(
        self,
        url: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b"",
        *,
        redirects: int = 5,
        max_bytes: int = MAX_BYTES,
        seconds: float = 30.0,
    ) -> Answer:
        """The answer once its head is there; read its body with ``read`` or ``pieces``."""
        sent = body.encode() if isinstance(body, str) else body
        given = await self._asker.ask(
            "http.fetch",
            url=url,
            method=method,
            headers=dict(headers or {}),
            body=base64.b64encode(sent).decode(),
            redirects=redirects,
            max_bytes=max_bytes,
            seconds=seconds,
        )
        return Answer(self._asker, given)

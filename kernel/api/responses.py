"""Answers as they go out: encoded, without secrets, with an ETag, and not for ever."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .problems import MEDIA_TYPE, Problem, problem_of

__all__ = ["Answer", "Reply", "Text", "etag_of", "is_known", "problem_response", "reply"]

_PATIENCE = 60.0
"""Seconds in which a client has to take an answer."""


_PIECE = 256 * 1024  # the server waits for its client between two writes, not within one


class Answer(msgspec.Struct, frozen=True):
    """An answer with a status of its own; a handler that returns anything else answers 200."""

    status: int
    body: Any
    headers: dict[str, str] = {}


class Text(msgspec.Struct, frozen=True):
    """An answer that is no JSON: text of a media type."""

    text: str
    media_type: str


class Reply(Response):
    """Written within a minute, or the connection is cut: who does not read keeps nothing busy."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write it."""
        body = bytes(self.body)
        kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
        head = {"status": self.status_code, "headers": self.raw_headers}
        try:
            async with asyncio.timeout(_PATIENCE):
                await send({"type": f"{kind}.start", **head})
                while len(body) > _PIECE:
                    await send({"type": f"{kind}.body", "body": body[:_PIECE], "more_body": True})
                    body = body[_PIECE:]
                await send({"type": f"{kind}.body", "body": body})
        except TimeoutError:
            abort = scope.get("state", {}).get("abort")
            if abort is not None:
                abort()


def problem_response(
    error: BaseException, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """The error as the client gets it."""
    return reply(problem_of(error, status), headers=headers)


def reply(
    result: Any,
    hide: Callable[[bytes], bytes] = bytes,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """What a handler returned. ``hide`` replaces secrets: what a tool returned to us may hold some."""
    if isinstance(result, Problem):
        data = hide(msgspec.json.encode(result))
        return Reply(data, result.status, headers, media_type=MEDIA_TYPE)
    if isinstance(result, Text):
        return Reply(hide(result.text.encode()), 200, headers, media_type=result.media_type)
    if isinstance(result, Answer):
        data = hide(msgspec.json.encode(result.body))
        return Reply(
            data,
            result.status,
            {**result.headers, **(headers or {})},
            media_type="application/json",
        )
    return Reply(hide(msgspec.json.encode(result)), 200, headers, media_type="application/json")


def etag_of(data: bytes) -> str:
    """A name of what is answered; the same for the same bytes."""
    return f'"{hashlib.blake2b(data, digest_size=12).hexdigest()}"'


def is_known(tag: str, headers: Mapping[str, str]) -> bool:
    """Whether a request says that its client has what this tag names (RFC 9110, section 13.1.2)."""
    named = [
        part.strip().removeprefix("W/") for part in headers.get("if-none-match", "").split(",")
    ]
    return tag in named or named == ["*"]

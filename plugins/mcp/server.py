"""The server's side of one connection: what a client's line means, and the lines that answer it. Pure.

Clients of both kinds are served, also on one connection: those that begin with ``initialize``, and
those whose every request says which version it speaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from .messages import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    LEGACY,
    METHOD_NOT_FOUND,
    MODERN,
    UNSUPPORTED_VERSION,
    Message,
    failure,
    notification,
    response,
)

__all__ = ["Cancelled", "Heard", "Listing", "Offered", "Say", "ServerSession", "Wanted"]

PAGE = 100
"""Tools in one answer to ``tools/list``."""
_META = "io.modelcontextprotocol/"
T = TypeVar("T")


class Offered(msgspec.Struct, frozen=True):
    """A tool as clients see it; ``schema`` is JSON Schema of an object."""

    name: str
    description: str
    schema: dict[str, Any]


class Say(msgspec.Struct, frozen=True):
    """A line to send; empty for none."""

    line: bytes = b""


class Listing(msgspec.Struct, frozen=True):
    """The tools are asked for; answer with ``ServerSession.listed``."""

    id: int | str
    cursor: str


class Wanted(msgspec.Struct, frozen=True):
    """A tool is to be called; answer with ``ServerSession.done``. ``token`` is for progress."""

    id: int | str
    name: str
    args: dict[str, Any]
    token: int | str | None


class Cancelled(msgspec.Struct, frozen=True):
    """The answer to this request is not wanted any more, and is not to be sent."""

    id: int | str


Heard = Say | Listing | Wanted | Cancelled


class _Meta(msgspec.Struct):
    progressToken: int | str | None = None  # noqa: N815 - the protocol's names
    version: str | None = msgspec.field(name=f"{_META}protocolVersion", default=None)


class _Params(msgspec.Struct):
    """What is read of any request's parameters."""

    meta: _Meta = msgspec.field(name="_meta", default_factory=_Meta)
    cursor: str = ""
    name: str = ""
    arguments: dict[str, Any] | None = None
    protocolVersion: str = ""  # noqa: N815
    requestId: int | str | None = None  # noqa: N815
    notifications: dict[str, Any] = {}


class ServerSession:
    """Not thread-safe."""

    def __init__(self, name: str, version: str) -> None:
        """How the server calls itself."""
        self._info = {"name": name, "version": version}
        self._began = False
        self._modern: set[int | str] = set()
        """Open requests that said which version they speak."""
        self._listeners: list[int | str] = []

    def take(self, message: Message) -> Heard:
        """What a client's message asks for."""
        if not message.method:  # an answer, and nothing was asked
            return Say()
        try:
            params = _decoded(bytes(message.params) or b"{}", _Params)
        except ValueError as error:
            return self._no(message, INVALID_PARAMS, str(error))
        if message.id is None:
            return self._told(message.method, params)
        if params.meta.version is not None:
            return self._modern_request(message, params, message.id)
        if message.method == "server/discover" or not (
            self._began or message.method in ("initialize", "ping")
        ):
            return self._no(message, INVALID_REQUEST, "begin with initialize, or name a version")
        return self._request(message, params, message.id)

    def listed(self, id: int | str, tools: Sequence[Offered], cursor: str) -> bytes:
        """The line that answers ``tools/list``."""
        start = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 9 else 0
        page = [
            {"name": tool.name, "description": tool.description, "inputSchema": tool.schema}
            for tool in tools[start : start + PAGE]
        ]
        more = {"nextCursor": str(start + PAGE)} if len(tools) > start + PAGE else {}
        return self._result(id, {"tools": page, **more}, cached=True)

    def done(self, id: int | str, value: Any, *, failed: bool = False) -> bytes:
        """The line that answers ``tools/call``: an object also as such, and all as text."""
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        result: dict[str, Any] = {"content": [{"type": "text", "text": text}], "isError": failed}
        if isinstance(value, dict):
            result["structuredContent"] = value
        return self._result(id, result)

    def refused(self, id: int | str, code: int, why: str) -> bytes:
        """The line that says why a request was not done."""
        self._modern.discard(id)
        return failure(id, code, why)

    def progress(self, token: int | str, done: float, total: float, note: str) -> bytes:
        """The line that says how far a call is."""
        told: dict[str, Any] = {"progressToken": token, "progress": done}
        told |= {"total": total} if total else {}
        return notification("notifications/progress", told | ({"message": note} if note else {}))

    def changed(self) -> bytes:
        """The lines that say that the tools are others now, to all who want to know."""
        method = "notifications/tools/list_changed"
        lines = [notification(method)] if self._began else []
        lines += [
            notification(method, {"_meta": {f"{_META}subscriptionId": listener}})
            for listener in self._listeners
        ]
        return b"".join(lines)

    def _told(self, method: str, params: _Params) -> Heard:
        if method == "notifications/cancelled" and params.requestId is not None:
            if params.requestId in self._listeners:
                self._listeners.remove(params.requestId)
            self._modern.discard(params.requestId)
            return Cancelled(params.requestId)
        return Say()

    def _modern_request(self, message: Message, params: _Params, id: int | str) -> Heard:
        version = params.meta.version
        if version not in MODERN:
            data = {"supported": [*MODERN, *LEGACY], "requested": version}
            return Say(failure(id, UNSUPPORTED_VERSION, "unsupported protocol version", data))
        if message.method in ("initialize", "ping"):
            return self._no(message, METHOD_NOT_FOUND, f"{version} has no {message.method}")
        self._modern.add(id)
        if message.method == "server/discover":
            found = {"supportedVersions": [*MODERN, *LEGACY], "capabilities": _CAPABILITIES}
            return Say(self._result(id, found, cached=True))
        if message.method == "subscriptions/listen":
            return Say(self._listen(params, id))
        return self._request(message, params, id)

    def _request(self, message: Message, params: _Params, id: int | str) -> Heard:
        if message.method == "initialize":
            return Say(self._begin(params, id))
        if message.method == "ping":
            return Say(response(id, {}))
        if message.method == "tools/list":
            return Listing(id, params.cursor)
        if message.method == "tools/call":
            return Wanted(id, params.name, params.arguments or {}, params.meta.progressToken)
        self._modern.discard(id)
        return self._no(message, METHOD_NOT_FOUND, f"there is no {message.method[:100]}")

    def _begin(self, params: _Params, id: int | str) -> bytes:
        asked = params.protocolVersion
        self._began = True
        version = asked if asked in LEGACY else LEGACY[0]
        about = {"capabilities": _CAPABILITIES, "serverInfo": self._info}
        return response(id, {"protocolVersion": version, **about})

    def _listen(self, params: _Params, id: int | str) -> bytes:
        self._modern.discard(id)
        wants = bool(params.notifications.get("toolsListChanged"))
        if wants and len(self._listeners) < PAGE:
            self._listeners.append(id)
        honoured = {"toolsListChanged": True} if id in self._listeners else {}
        told = {"_meta": {f"{_META}subscriptionId": id}, "notifications": honoured}
        return notification("notifications/subscriptions/acknowledged", told)

    def _result(self, id: int | str, result: dict[str, Any], *, cached: bool = False) -> bytes:
        if id not in self._modern:
            return response(id, result)
        self._modern.discard(id)
        about: dict[str, Any] = {
            "resultType": "complete",
            "_meta": {f"{_META}serverInfo": self._info},
        }
        if cached:
            about |= {"ttlMs": 0, "cacheScope": "private"}
        return response(id, {**result, **about})

    def _no(self, message: Message, code: int, why: str) -> Say:
        """Notifications are never answered."""
        return Say(b"" if message.id is None else failure(message.id, code, why))


_CAPABILITIES = {"tools": {"listChanged": True}}


def _decoded(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error

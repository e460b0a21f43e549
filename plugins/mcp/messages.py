"""JSON-RPC messages, one a line, and the parts of MCP's that are read here. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from ..protocol.rules import Violation

__all__ = [
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "LEGACY",
    "METHOD_NOT_FOUND",
    "MODERN",
    "PARSE_ERROR",
    "UNSUPPORTED_VERSION",
    "Fault",
    "Message",
    "Stray",
    "decode",
    "failure",
    "notification",
    "request",
    "response",
]

MODERN = ("2026-07-28",)
"""Versions without a handshake: each request says which one it speaks. The newest first."""
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Versions that begin with ``initialize``, the newest first."""

PARSE_ERROR, INVALID_REQUEST = -32700, -32600
METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32601, -32602, -32603
UNSUPPORTED_VERSION = -32022

Id = int | str


class Fault(msgspec.Struct, frozen=True):
    """An error of JSON-RPC's. ``data`` is any JSON."""

    code: int
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class Message(msgspec.Struct, frozen=True):
    """A request has ``id`` and ``method``, a notification no ``id``, a response no ``method``.

    What is inside ``params`` and ``result`` is decoded by whoever knows what it has to be.
    """

    jsonrpc: str = ""
    id: Id | None = None
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"")
    result: msgspec.Raw = msgspec.Raw(b"")
    error: Fault | None = None


class Stray(msgspec.Struct, frozen=True):
    """A line that is no message: what a program prints without thinking of its client."""

    line: bytes


_decoder = msgspec.json.Decoder(Message)
_encoder = msgspec.json.Encoder()


def decode(line: bytes) -> Message | Stray:
    """The message on a line; raises ``Violation`` for one that is nested too deeply."""
    try:
        message = _decoder.decode(line)
    except RecursionError as error:
        raise Violation("a line that is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Stray(line)
    return message if message.jsonrpc == "2.0" else Stray(line)


def request(id: Id, method: str, params: Any) -> bytes:
    """The line of a request; ``params`` may hold ``Raw`` JSON."""
    return _line({"jsonrpc": "2.0", "id": id, "method": method, "params": params})


def notification(method: str, params: Any = None) -> bytes:
    """The line of a notification."""
    message = {"jsonrpc": "2.0", "method": method}
    return _line(message if params is None else {**message, "params": params})


def response(id: Id, result: Any) -> bytes:
    """The line that answers a request."""
    return _line({"jsonrpc": "2.0", "id": id, "result": result})


def failure(id: Id | None, code: int, message: str, data: Any = None) -> bytes:
    """The line that says why a request was not done."""
    error = {"code": code, "message": message}
    told = error if data is None else {**error, "data": data}
    return _line({"jsonrpc": "2.0", "id": id, "error": told})


def _line(message: dict[str, Any]) -> bytes:
    return _encoder.encode(message) + b"\n"

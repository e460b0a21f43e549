"""Bytes to messages and back, with errors that keep the bytes."""

from __future__ import annotations

import math
from collections.abc import Hashable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from .envelope import Envelope
from .errors import CodecError, InvalidInput

__all__ = ["decode", "decode_envelope", "encode", "encode_envelope", "encode_value"]

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_header_encoder = msgspec.msgpack.Encoder()
_header_decoder = msgspec.msgpack.Decoder(Envelope)

encode = _encoder.encode
"""JSON bytes of a message of ours, whose fields are known to have a JSON form."""


def encode_value(value: object, what: str) -> bytes:
    """JSON bytes of a value from outside; ``what`` names it in the error.

    Raises ``InvalidInput`` for what JSON cannot carry, NaN and infinities included: msgspec
    would write those as ``null``, and the reader would never know.
    """
    try:
        body = _encoder.encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise InvalidInput(
            f"{what} cannot be encoded as JSON: {error}; use dicts, lists, text, numbers"
        ) from error
    if b"null" in body and _holds_non_finite(value):
        raise InvalidInput(f"{what} holds NaN or an infinity, which JSON has no form for")
    return body


def decode(body: bytes, kind: type[T]) -> T:
    """The body as ``kind``; raises ``CodecError`` that names the field and keeps the bytes."""
    try:
        decoded: T = _decoder(kind).decode(body)  # type: ignore[arg-type]  # classes hash
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CodecError(f"not a valid {_name(kind)}: {error}", body) from error
    return decoded


def encode_envelope(envelope: Envelope) -> bytes:
    """The whole envelope as msgpack, for a pipe or a socket; the body stays as it is."""
    return _header_encoder.encode(envelope)


def decode_envelope(data: bytes) -> Envelope:
    """What ``encode_envelope`` wrote; raises ``CodecError`` that keeps the bytes."""
    try:
        return _header_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CodecError(f"not a valid envelope: {error}", data) from error


@lru_cache(maxsize=1024)
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _name(kind: type[Any]) -> str:
    return getattr(kind, "__name__", repr(kind))


def _holds_non_finite(value: object) -> bool:
    """Walk what ``encode`` accepted; with a list, as that may be deeper than Python's own stack."""
    waiting: list[Any] = [msgspec.to_builtins(value, str_keys=True)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, float) and not math.isfinite(item):
            return True
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
    return False

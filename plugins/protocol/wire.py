"""Frames as bytes: a length of four bytes, big-endian, then msgpack. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from retinue.bus.errors import CodecError

from .frames import Part

__all__ = ["MAX_FRAME", "PIECE", "Reader", "encode", "in_parts"]

MAX_FRAME = 256 * 1024
"""An 8 MiB frame of empty maps grows to 591 MiB when it is decoded: frames are short."""
PIECE = 192 * 1024
"""Bytes of a value that go into one frame; a longer one is sent in parts."""
_PREFIX = 4

T = TypeVar("T")
_encoder = msgspec.msgpack.Encoder()


def encode(frame: msgspec.Struct) -> bytes:
    """The bytes of one frame; raises ``CodecError`` for one over ``MAX_FRAME``."""
    body = _encoder.encode(frame)
    if len(body) > MAX_FRAME:
        raise CodecError(
            f"a {type(frame).__name__} of {len(body):,} bytes is over {MAX_FRAME:,}", body[:1024]
        )
    return len(body).to_bytes(_PREFIX) + body


def in_parts(id: int, value: bytes, *, asked: bool) -> tuple[list[bytes], bytes]:
    """The frames that have to go first, and what is left for the last one."""
    if len(value) <= PIECE:
        return [], value
    whole, starts = (len(value) - 1) // PIECE, range(0, len(value), PIECE)
    pieces = [value[start : start + PIECE] for start in starts]
    return [encode(Part(id, piece, asked)) for piece in pieces[:whole]], pieces[-1]


class Reader(Generic[T]):
    """Bytes in, in any pieces; frames of one union out. Used by one thread."""

    def __init__(self, union: Any) -> None:
        """``union`` are the kinds that may come."""
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(union)
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not whole; whoever sends one byte a second shows here."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[T]:
        """The frames that are whole now; raises ``CodecError``, after which nothing more is read.

        A length is believed only up to ``MAX_FRAME``, before anything of that size is made.
        """
        if not self._buffer and len(data) > _PREFIX:
            length = int.from_bytes(data[:_PREFIX])
            if len(data) == _PREFIX + length and 0 < length <= MAX_FRAME:  # most often it is one
                return iter((self._decode(data[_PREFIX:]),))
        return self._whole(data)

    def _whole(self, data: bytes) -> Iterator[T]:
        buffer = self._buffer
        buffer += data
        begin = 0
        try:
            while len(buffer) - begin >= _PREFIX:
                length = int.from_bytes(buffer[begin : begin + _PREFIX])
                if not 0 < length <= MAX_FRAME:
                    raise CodecError(
                        f"a frame of {length:,} bytes: 1 to {MAX_FRAME:,} are allowed", data[:1024]
                    )
                end = begin + _PREFIX + length
                if len(buffer) < end:
                    return
                body = buffer[begin + _PREFIX : end]
                begin = end
                yield self._decode(body)
        finally:
            del buffer[:begin]

    def _decode(self, body: bytes | bytearray) -> T:
        try:
            return self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CodecError(f"not a valid frame: {error}", bytes(body)) from error

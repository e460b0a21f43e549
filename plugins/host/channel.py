"""Frames over a socket: a length of four bytes, big-endian, then msgpack."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Lock
from typing import Any, Generic, TypeVar

import msgspec

from retinue.bus.errors import CodecError, InvalidInput

__all__ = ["MAX_FRAME", "BlockingChannel", "Frames", "frame"]

MAX_FRAME = 8 << 20
_PREFIX = 4
_READ = 64 << 10

T = TypeVar("T")
_encoder = msgspec.msgpack.Encoder()


def frame(message: msgspec.Struct) -> bytes:
    """The bytes of one frame; raises ``InvalidInput`` for one of more than 8 MiB."""
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME:
        raise InvalidInput(
            f"a {type(message).__name__} of {len(body):,} bytes is over the {MAX_FRAME:,} that go "
            "between an agent's process and the kernel; pass a path or a reference"
        )
    return len(body).to_bytes(_PREFIX) + body


class Frames(Generic[T]):
    """Bytes in, in any pieces; messages of one union out. Pure."""

    def __init__(self, union: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(union)
        self._buffer = bytearray()

    pending = 0
    """A frame may take as long as its turn: it is bounded in bytes, and the turn in time."""

    def feed(self, data: bytes) -> Iterator[T]:
        """The messages that are whole now; raises ``CodecError`` that keeps the bytes.

        A length is believed only up to ``MAX_FRAME``, before anything of that size is made.
        """
        buffer = self._buffer
        buffer += data
        begin = 0
        try:
            while len(buffer) - begin >= _PREFIX:
                length = int.from_bytes(buffer[begin : begin + _PREFIX])
                if length > MAX_FRAME:
                    raise CodecError(f"a frame of {length:,} bytes is over {MAX_FRAME:,}", data)
                end = begin + _PREFIX + length
                if len(buffer) < end:
                    return
                body = bytes(buffer[begin + _PREFIX : end])
                begin = end
                yield self._decode(body)
        finally:
            del buffer[:begin]

    def _decode(self, body: bytes) -> T:
        try:
            return self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CodecError(f"not a valid frame: {error}", body) from error


class BlockingChannel:
    """The child's end. Any thread may send; a kernel that reads slowly makes it wait."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = Lock()

    def fileno(self) -> int:
        """For a selector."""
        return self._sock.fileno()

    def send(self, message: msgspec.Struct) -> None:
        """Send the whole frame; raises ``InvalidInput`` when it is too big."""
        data = frame(message)
        with self._lock:
            self._sock.sendall(data)

    def receive(self) -> bytes:
        """What is there, at least a byte; empty when the kernel is gone."""
        return self._sock.recv(_READ)

"""Frames over a socket: a length of four bytes, big-endian, then msgpack."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, Generic, TypeVar

import msgspec

from retinue.bus.errors import CodecError, InvalidInput

__all__ = ["MAX_FRAME", "AsyncChannel", "BlockingChannel", "Frames", "frame"]

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


class AsyncChannel:
    """The kernel's end, on a running loop; ``got`` is called with the bytes that came.

    ``ended`` is called once when the other side closed or broke the socket. What is sent waits
    in memory while the other side does not read; ``waiting`` says how many bytes.
    """

    def __init__(
        self, sock: socket.socket, got: Callable[[bytes], None], ended: Callable[[], None]
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._got = got
        self._ended = ended
        self._out = bytearray()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock, self._read)

    @property
    def waiting(self) -> int:
        """Bytes that were sent and not taken yet."""
        return len(self._out)

    def send(self, message: msgspec.Struct) -> None:
        """Queue a frame; raises ``InvalidInput`` when it is too big, nothing when it is closed."""
        data = frame(message)
        if self._sock.fileno() < 0:
            return
        if not self._out:
            self._loop.add_writer(self._sock, self._write)
        self._out += data
        self._write()

    def drain(self) -> None:
        """Hand over what has arrived, although nobody waits for more."""
        while self._sock.fileno() >= 0 and self._read():
            pass

    def close(self) -> None:
        """Let go of the socket."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._sock.close()

    def _read(self) -> bool:
        """One piece at a time, so that a child which floods leaves time for the others."""
        try:
            data = self._sock.recv(_READ)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if data:
            self._got(data)
            return True
        self.close()
        self._ended()
        return False

    def _write(self) -> None:
        try:
            while self._out:
                del self._out[: self._sock.send(self._out)]
        except BlockingIOError:
            return
        except OSError:  # the child is gone: the reader says so
            self._out.clear()
        self._loop.remove_writer(self._sock)

"""The guest's end of the channel: frames out from any thread, frames in on the loop."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable

import msgspec

from ..protocol.frames import FromHost, Part
from ..protocol.wire import Reader, encode, in_parts

__all__ = ["Channel"]

_READ = 64 * 1024


class Channel:
    """Blocking to write, so that a host which reads slowly slows the plugin and fills nothing."""

    def __init__(self, sock: socket.socket, take: Callable[[FromHost, bytes], None]) -> None:
        """``take`` gets each frame with the parts that came before it; on the loop's thread."""
        self._sock = sock
        self._take = take
        self._lock = threading.Lock()
        self._reader: Reader[FromHost] = Reader(FromHost)
        self._parts: dict[tuple[int, bool], list[bytes]] = {}

    def fileno(self) -> int:
        """For the loop."""
        return self._sock.fileno()

    def send(self, frame: msgspec.Struct) -> None:
        """Send one frame; raises ``CodecError`` for one that is too long."""
        self._write(encode(frame))

    def send_value(self, id: int, value: bytes, last: Callable[[bytes], msgspec.Struct]) -> None:
        """Send a value of any length: its parts, and what ``last`` makes of the rest."""
        parts, rest = in_parts(id, value, asked=False)
        for part in parts:
            self._write(part)
        self.send(last(rest))

    def read(self) -> None:
        """Take in what has arrived; without a kernel there is nothing left to do here."""
        data = self._sock.recv(_READ)
        if not data:
            os._exit(0)
        for frame in self._reader.feed(data):
            if isinstance(frame, Part):
                self._parts.setdefault((frame.id, frame.asked), []).append(frame.data)
                continue
            self._take(frame, self._before(frame) if self._parts else b"")

    def _before(self, frame: FromHost) -> bytes:
        """The parts that came before a frame of the same call."""
        asked = getattr(frame, "asked", False)
        return b"".join(self._parts.pop((frame.id, asked), []))

    def _write(self, data: bytes) -> None:
        with self._lock:
            self._sock.sendall(data)

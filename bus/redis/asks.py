"""The commands that a reader of a kernel's stream sends. Pure."""

from __future__ import annotations

from ..topics import channel, check_kernel_name, heartbeat_key, journal_key, readers_key, stream
from .cursor import Place

__all__ = ["PAGE", "Asks"]

PAGE = 200
"""Entries that are read at once."""
Command = tuple[bytes, ...]


class Asks:
    """Of one reader; ``name`` is what it is registered by, if it is."""

    def __init__(self, kernel: str, run: str, name: str) -> None:
        """Raises ``ConfigError`` for a name that no kernel can have."""
        self._stream = stream(check_kernel_name(kernel)).encode()
        self._readers = readers_key(kernel).encode()
        self._name = name.encode()
        self.look: Command = (b"MGET", journal_key(kernel).encode(), heartbeat_key(kernel).encode())
        self.last: Command = (b"XREVRANGE", self._stream, b"+", b"-", b"COUNT", b"1")
        self.listen: Command = (b"PSUBSCRIBE", channel(kernel, run, "*").encode())

    def page(self, after: Place, seconds: float) -> Command:
        """Entries after a place; waits for so many seconds, but never for ever."""
        block = b"%d" % max(1, round(seconds * 1000))
        head = (b"XREAD", b"COUNT", b"%d" % PAGE, b"BLOCK", block)
        return (*head, b"STREAMS", self._stream, b"%d-%d" % after)

    def at(self, seq: int) -> Command:
        """The entry in one place."""
        return b"XRANGE", self._stream, b"%d-0" % seq, b"%d-0" % seq

    def mark(self, seq: int) -> Command:
        """Note how far a registered reader is."""
        return b"HSET", self._readers, self._name, b"%d" % seq

    def forget(self) -> Command:
        """Take a registered reader off the list."""
        return b"HDEL", self._readers, self._name

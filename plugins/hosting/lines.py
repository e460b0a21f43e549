"""Newline-delimited messages out of bytes, bounded before anything is made of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from ..protocol.rules import Violation

__all__ = ["LONGEST", "LineReader"]

LONGEST = 4 << 20
"""Bytes of one line."""
MOST_VALUES = 200_000
"""Objects and lists in one line: 4 MiB of empty ones grow to hundreds of MiB when decoded."""

T = TypeVar("T")


class LineReader(Generic[T]):
    """Bytes in, in any pieces; what ``decode`` makes of each line out. Used by one thread."""

    def __init__(self, decode: Callable[[bytes], T], longest: int = LONGEST) -> None:
        """``longest`` bounds a line, in bytes; empty lines are passed over."""
        self._decode = decode
        self._longest = longest
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of a line that has not ended."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[T]:
        """The lines that have ended; raises ``Violation`` for one that is too long, or too full."""
        if not self._buffer and data.find(b"\n") == len(data) - 1:  # most often it is one
            return self._line(data)
        return self._lines(data)

    def _line(self, data: bytes) -> Iterator[T]:
        if line := self._whole(data):
            yield self._decode(line)

    def _lines(self, data: bytes) -> Iterator[T]:
        head, newline, rest = data.partition(b"\n")
        self._buffer += head
        while newline:
            line = self._whole(self._buffer)
            head, newline, rest = rest.partition(b"\n")
            self._buffer[:] = head
            if line:
                yield self._decode(line)
        self._check_length(self._buffer)

    def _check_length(self, data: bytes | bytearray) -> None:
        if len(data) > self._longest:
            raise Violation(f"a line of over {self._longest:,} bytes; send less at once")

    def _whole(self, data: bytes | bytearray) -> bytes:
        self._check_length(data)
        line = bytes(data).strip()
        if len(line) > MOST_VALUES and line.count(b"{") + line.count(b"[") > MOST_VALUES:
            raise Violation(
                f"a line with over {MOST_VALUES:,} objects and lists; send less at once"
            )
        return line

"""What a subscribed connection receives, cut into messages as the bytes come. Pure.

redis-py reads a whole message into memory, however large, and takes 20 µs for a small one. Here what is
too large is passed over piece by piece, and the head of a message is compared as one.
"""

from __future__ import annotations

from collections.abc import Iterator

from .resp import bulk

__all__ = ["Frames", "ProtocolError", "TooLarge"]

_END = b"\r\n"
_LONGEST_LINE = 4096
_LONGEST_BULK = 1024
"""Of what is no message: confirmations and errors."""
_MOST_PARTS = 8


class ProtocolError(Exception):
    """What came is not what a subscriber gets; the connection is of no use any more."""


class TooLarge(int):
    """In place of a message: its size in bytes."""


class Frames:
    """Cuts the bytes of a connection that is subscribed to one channel. For one thread.

    Messages are arrays in RESP2 and pushes in RESP3.
    """

    def __init__(self, channel: bytes, limit: int) -> None:
        """Messages over ``limit`` bytes are passed over."""
        head = b"3\r\n" + bulk(b"message") + bulk(channel) + b"$"
        self._heads = {b"*": b"*" + head, b">": b">" + head}
        self._limit = limit
        self._rest = bytearray()
        self._skip = 0
        self._size = 0

    def feed(self, data: bytes) -> Iterator[bytes | TooLarge | list[bytes]]:
        """Yield each message that is whole now, and each other answer as a list of its parts.

        Exhaust it before the next call. Raises ``ProtocolError``.
        """
        rest = self._rest
        rest += data
        place = 0
        try:
            while True:
                if self._skip:
                    passed = min(self._skip, len(rest) - place)
                    place += passed
                    self._skip -= passed
                    if self._skip:
                        return
                    yield TooLarge(self._size)
                found = self._next(place)
                if found is None:
                    return
                place, item = found
                if item is not None:
                    yield item
        finally:
            del rest[:place]

    def _next(self, place: int) -> tuple[int, bytes | list[bytes] | None] | None:
        """Where the next begins, and this one; nothing while it is not whole."""
        rest = self._rest
        head = self._heads.get(bytes(rest[place : place + 1]))
        if head is None:
            return self._answer(place)
        if not rest.startswith(head, place):
            return None if _begins(rest, head, place) else self._answer(place)
        line = self._line(place + len(head))
        if line is None:
            return None
        begin, digits = line
        size = _number(digits)
        if size > self._limit:
            self._size, self._skip = size, size + 2
            return begin, None
        if len(rest) < begin + size + 2:
            return None
        return begin + size + 2, bytes(rest[begin : begin + size])

    def _answer(self, place: int) -> tuple[int, list[bytes]] | None:
        """A confirmation, an error, or the answer to a ping."""
        line = self._line(place)
        if line is None:
            return None
        place, said = line
        if said[:1] in (b"-", b"+", b":"):
            return place, [said]
        if said[:1] not in self._heads or not 0 <= _number(said[1:]) <= _MOST_PARTS:
            raise ProtocolError(f"not an answer to a subscriber: {said[:40]!r}")
        parts = []
        for _ in range(_number(said[1:])):
            found = self._part(place)
            if found is None:
                return None
            place, part = found
            parts.append(part)
        return place, parts

    def _part(self, place: int) -> tuple[int, bytes] | None:
        line = self._line(place)
        if line is None:
            return None
        begin, said = line
        if said[:1] == b":":
            return begin, said[1:]
        size = _number(said[1:])
        if said[:1] != b"$" or size > _LONGEST_BULK:
            raise ProtocolError(f"not a part of an answer: {said[:40]!r}")
        if size < 0:
            return begin, b""
        end = begin + size
        return None if len(self._rest) < end + 2 else (end + 2, bytes(self._rest[begin:end]))

    def _line(self, place: int) -> tuple[int, bytes] | None:
        end = self._rest.find(_END, place, place + _LONGEST_LINE)
        if end >= 0:
            return end + 2, bytes(self._rest[place:end])
        if len(self._rest) - place >= _LONGEST_LINE:
            raise ProtocolError(f"a line of more than {_LONGEST_LINE} bytes")
        return None


def _begins(rest: bytearray, head: bytes, place: int) -> bool:
    """Whether what is there may become a head."""
    there = len(rest) - place
    return there < len(head) and head.startswith(rest[place:])


def _number(digits: bytes) -> int:
    try:
        return int(digits)
    except ValueError:
        raise ProtocolError(f"not a length: {digits[:40]!r}") from None

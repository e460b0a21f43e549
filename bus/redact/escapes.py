r"""Undoing escapes, one level at a time: ``\n``, ``\"``, ``\u0041``, ``\x41``, or ``%41``. Pure.

JSON inside a string of JSON takes two levels, an URL inside that a third; a value that was
escaped only here and there is found all the same, since a level undoes whatever it meets.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

__all__ = ["BACKSLASH", "LEVELS", "Unescaped", "meanings", "readings"]

LEVELS = 3
"""How often escapes may be nested in each other, over and above those of the body itself."""

BACKSLASH = re.compile(
    rb"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\(.)",
    re.DOTALL,
)
_PERCENT = re.compile(rb"%([0-9a-fA-F]{2})")
_CONTROL = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def meanings(data: bytes, levels: int = 1 + LEVELS) -> Iterator[bytes]:
    """All that ``data`` comes to when some levels of its escapes are undone."""
    for pattern in readings(data) if levels else ():
        meant = pattern.sub(_meant, data)
        if meant != data:
            yield meant
            yield from meanings(meant, levels - 1)


def readings(data: bytes) -> list[re.Pattern[bytes]]:
    """The kinds of escapes that ``data`` may hold. They are undone apart, in each order.

    A value with a ``%41`` of its own that JSON escaped would not come out of both at once.
    """
    kinds = ((b"\\", BACKSLASH), (b"%", _PERCENT))
    return [pattern for mark, pattern in kinds if mark in data]


class Unescaped:
    """The source with the escapes of one kind undone, and where each of its bytes came from."""

    def __init__(self, source: bytes, pattern: re.Pattern[bytes]) -> None:
        """``data`` holds what is meant."""
        parts: list[bytes] = []
        self._starts = [0]
        self._origins = [0]
        self._literal = [True]
        size = end = 0
        for found in pattern.finditer(source):
            parts += (source[end : found.start()], meant := _meant(found))
            size += found.start() - end
            self._note(size, found.start(), literal=False)
            size, end = size + len(meant), found.end()
            self._note(size, end, literal=True)
        parts.append(source[end:])
        self.data = b"".join(parts)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The range of the source that became ``data[start:end]``, in whole escapes."""
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, end - 1) - 1
        begins, ends = self._origins[first], self._origins[last]
        if self._literal[first]:
            begins += start - self._starts[first]
        if self._literal[last]:
            return begins, ends + end - self._starts[last]
        return begins, self._origins[last + 1]

    def _note(self, at: int, origin: int, *, literal: bool) -> None:
        """A segment begins; one without bytes gives way to the next."""
        if self._starts[-1] == at:
            self._origins[-1], self._literal[-1] = origin, literal
            return
        self._starts.append(at)
        self._origins.append(origin)
        self._literal.append(literal)


def _meant(found: re.Match[bytes]) -> bytes:
    if found.re is _PERCENT:
        return bytes.fromhex(found[1].decode())
    high, low, unit, byte, char = found.groups()
    if char is not None:
        return _CONTROL.get(char, char)
    if byte is not None:
        return chr(int(byte, 16)).encode()
    if unit is not None:
        return chr(int(unit, 16)).encode("utf-8", "surrogatepass")
    code = 0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF)
    return chr(code).encode()

r"""Undoing escapes, one level at a time: ``\n``, ``\"``, ``\u0041``, ``\x41`` and ``%41``. Pure.

JSON inside a string of JSON takes two levels, an URL inside that a third; a value that was
escaped only here and there is found all the same, since a level undoes whatever it meets.
"""

from __future__ import annotations

import re
from bisect import bisect_right

__all__ = ["LEVELS", "Unescaped", "unescape"]

LEVELS = 3
"""How often escapes may be nested in each other, over and above those of the body itself."""

_ESCAPE = re.compile(
    rb"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\(.)|%([0-9a-fA-F]{2})",
    re.DOTALL,
)
_CONTROL = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def unescape(data: bytes) -> bytes:
    """The bytes with one level of escapes undone; what is no escape stays."""
    return _ESCAPE.sub(_meant, data)


class Unescaped:
    """``data`` as ``unescape`` gives it, and where each of its bytes came from."""

    def __init__(self, source: bytes, *, percent: bool = True) -> None:
        """Without ``percent``, only backslashes escape: what a string of JSON itself means."""
        parts: list[bytes] = []
        self._starts = [0]
        self._origins = [0]
        self._literal = [True]
        size = end = 0
        for found in _ESCAPE.finditer(source):
            if found[6] is not None and not percent:
                continue
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
    high, low, unit, byte, char, percent = found.groups()
    if char is not None:
        return _CONTROL.get(char, char)
    if percent is not None:
        return bytes.fromhex(percent.decode())
    if byte is not None:
        return chr(int(byte, 16)).encode()
    if unit is not None:
        return chr(int(unit, 16)).encode("utf-8", "surrogatepass")
    code = 0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF)
    return chr(code).encode()

"""The hash chain: each group of events is sealed by a link that also covers the link before it.

A link is ``sha256(the link before ‖ its own last seq ‖ the rows in msgpack)``. Hashing a group at once
costs 0.15 µs an event, a digest for each row 0.5, which does not fit into what a bare insert leaves. So
that a broken link still names its event, it also carries two Adler-32 sums a row, over the whole row
and over its body: the digest says whether, the sums say where.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from zlib import adler32

import msgspec
from msgspec.structs import astuple

from ..envelope import Envelope
from ..errors import InvalidInput

__all__ = [
    "COLUMNS",
    "GENESIS",
    "Link",
    "Row",
    "Sums",
    "rows_of",
    "seal",
    "seals",
    "sums",
    "unpack",
]

Row = tuple[Any, ...]
"""The fields of one envelope, in their order. Its ``seq`` is not among them: its place gives it."""

Sums = tuple[int, int]
"""Over a whole row, and over its body."""

COLUMNS = Envelope.__struct_fields__
MAX_LINK = 1_024
"""Events under one link at most: what a trim can cut between, and what a check holds at once."""

_BODY, _DEADLINE = COLUMNS.index("body"), COLUMNS.index("deadline")
_encode = msgspec.msgpack.Encoder().encode


class Link(NamedTuple):
    """The seal of the events up to ``last``; ``sums`` has two 32-bit words for each of them."""

    last: int
    hash: bytes
    sums: bytes


GENESIS = Link(0, bytes(32), b"")


def rows_of(envelopes: Sequence[Envelope]) -> list[Row]:
    """The envelopes as rows.

    Raises ``InvalidInput`` for a body that is not UTF-8 and for a deadline that is not a number:
    the table would give back something else than what was put in.
    """
    rows = list(map(astuple, envelopes))
    if not b"".join([row[_BODY] for row in rows]).isascii():
        _refuse_non_text(rows)
    if any(deadline != deadline for deadline in {row[_DEADLINE] for row in rows}):  # noqa: PLR0124
        raise InvalidInput("a deadline is NaN; the journal takes seconds since the epoch, or None")
    return rows


def seals(prev: Link, rows: Sequence[Row]) -> Iterator[Link]:
    """The links for a group: one for each 1,024 rows."""
    for start in range(0, len(rows), MAX_LINK):
        prev = seal(prev, rows[start : start + MAX_LINK])
        yield prev


def seal(prev: Link, rows: Sequence[Row]) -> Link:
    """One link over all of the rows, which follow those of ``prev``."""
    encoded = list(map(_encode, rows))
    last = prev.last + len(rows)
    digest = sha256(b"".join([prev.hash, last.to_bytes(8), *encoded])).digest()
    words = array("I", map(adler32, encoded))
    words.extend(map(adler32, [row[_BODY] for row in rows]))
    return Link(last, digest, _little(words).tobytes())


def sums(row: Row) -> Sums:
    """What a link keeps for this row. A damaged row may have no body."""
    return adler32(_encode(row)), adler32(row[_BODY] or b"")


def unpack(words: bytes) -> list[Sums]:
    """The sums of a link, a pair for each row; fewer when bytes are missing."""
    values = _little(array("I", words[: len(words) // 8 * 8]))
    half = len(values) // 2
    return list(zip(values[:half], values[half:], strict=True))


def _refuse_non_text(rows: Sequence[Row]) -> None:
    for row in rows:
        try:
            row[_BODY].decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"the body of {row[0]} is not UTF-8: {error}; the journal takes JSON"
            ) from error


def _little(words: array[int]) -> array[int]:
    if sys.byteorder == "big":
        words.byteswap()
    return words

"""The hash chain: each group of events is sealed by a link that also covers the link before it.

A link is ``sha256(hash of the link before ‖ the rows in msgpack)``. Hashing a group at once costs
0.15 µs an event, a digest for each row 0.5, which would not fit into what a bare insert leaves. So
that a broken link still names its event, it also carries two Adler-32 sums a row, over the whole row
and over its body: they say where, the digest says whether.

Whoever may write the file may also rewrite the chain from some event to its end, or drop the newest
links along with their events. Only a head that was noted elsewhere shows that: see ``verify``.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from zlib import adler32

import msgspec
from msgspec.structs import astuple

from ..envelope import Envelope
from ..errors import InvalidInput

__all__ = ["COLUMNS", "GENESIS", "Link", "Row", "rows_of", "seal", "seals", "sums", "unpack"]

Row = tuple[Any, ...]
"""One event as the table keeps it: ``seq``, then the fields of ``Envelope`` in their order."""

COLUMNS = ("seq", *Envelope.__struct_fields__)
GENESIS = bytes(32)
MAX_LINK = 1_024
"""Events under one link at most: what a trim can cut between, and what a verify holds at once."""

BODY, DEADLINE = COLUMNS.index("body"), COLUMNS.index("deadline")
_encode = msgspec.msgpack.Encoder().encode


class Link(NamedTuple):
    """The seal of the events up to ``last``; ``sums`` has two 32-bit words for each of them."""

    last: int
    hash: bytes
    sums: bytes


def rows_of(envelopes: Sequence[Envelope], first: int) -> list[Row]:
    """The envelopes as rows, numbered from ``first``.

    Raises ``InvalidInput`` for a body that is not UTF-8 and for a deadline that is not a number:
    the table would give back something else than what was put in.
    """
    rows = [(seq, *astuple(envelope)) for seq, envelope in enumerate(envelopes, first)]
    if not b"\n".join([row[BODY] for row in rows]).isascii():
        _refuse_non_text(rows)
    if any(row[DEADLINE] != row[DEADLINE] for row in rows):
        raise InvalidInput("a deadline is NaN; the journal takes a number of seconds or None")
    return rows


def seals(prev: bytes, rows: Sequence[Row]) -> Iterator[Link]:
    """The links for a group: one for each 1,024 rows."""
    for start in range(0, len(rows), MAX_LINK):
        link = seal(prev, rows[start : start + MAX_LINK])
        prev = link.hash
        yield link


def seal(prev: bytes, rows: Sequence[Row]) -> Link:
    """One link over all of the rows."""
    encoded = list(map(_encode, rows))
    digest = sha256(prev + b"".join(encoded)).digest()
    words = array("I", map(adler32, encoded))
    words.extend(map(adler32, [row[BODY] for row in rows]))
    return Link(rows[-1][0], digest, _little(words).tobytes())


def sums(row: Row) -> tuple[int, int]:
    """What a link keeps for this row: the sum of the whole, and of the body."""
    return adler32(_encode(row)), adler32(row[BODY])


def unpack(words: bytes) -> list[tuple[int, int]]:
    """The sums of a link, a pair for each row; shorter when bytes are missing."""
    values = _little(array("I", words[: len(words) // 8 * 8]))
    half = len(values) // 2
    return list(zip(values[:half], values[half:], strict=True))


def _refuse_non_text(rows: Iterable[Row]) -> None:
    for row in rows:
        try:
            row[BODY].decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"the body of {row[1]} is not UTF-8: {error}; bodies are JSON"
            ) from error


def _little(words: array[int]) -> array[int]:
    if sys.byteorder == "big":
        words.byteswap()
    return words

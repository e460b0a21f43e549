"""The index by run, task, agent and type: which blocks of 4,096 events hold a name.

An index on a column costs an eighth to a quarter of an append, for each column. A name is looked up
far less often than it is written, and its events stand close together: so what is kept is, for each
block, its types and a 32-bit hash of each other name, written once, in the commit that fills the block.
A look-up goes through these sets (3 ms for a million events), then through the blocks whose set has
the name (0.5 ms each) and the newest block, which has no set yet. A hash that two names share only
makes it look into a block for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from struct import pack
from typing import NamedTuple
from zlib import crc32

import msgspec

from .chain import COLUMNS, Row

__all__ = ["BLOCK", "Block", "BlockFiller", "block_of", "hash_of", "spans", "unfilled"]

BLOCK = 4_096
_TYPE = COLUMNS.index("type")
_NAMED = tuple(COLUMNS.index(column) for column in ("run", "task", "agent"))


class Block(NamedTuple):
    """The set of one filled block: types as a JSON list, hashes sorted, of four bytes each."""

    block: int
    types: str
    names: bytes


class BlockFiller:
    """Collects the names of the block that is being filled. Only the writer's thread uses it."""

    def __init__(self, last: int = 0, rows: Sequence[Row] = ()) -> None:
        """``rows`` are those of the unfilled block, up to ``last``."""
        self._next = last - len(rows) + 1
        self._types: set[str] = set()
        self._names: set[str] = set()
        self.add(rows)

    def add(self, rows: Sequence[Row]) -> list[Block]:
        """Take the next rows in; returns the blocks that they fill."""
        filled = []
        while rows:
            block = block_of(self._next)
            room = (block + 1) * BLOCK - self._next + 1
            self._collect(rows[:room])
            if len(rows) >= room:
                filled.append(self._finished(block))
            self._next += min(room, len(rows))
            rows = rows[room:]
        return filled

    def _collect(self, rows: Sequence[Row]) -> None:
        self._types |= {row[_TYPE] for row in rows}
        for column in _NAMED:
            self._names |= {row[column] for row in rows}

    def _finished(self, block: int) -> Block:
        hashes = sorted(set(map(crc32, map(str.encode, self._names))))
        types = msgspec.json.encode(sorted(self._types)).decode()
        self._types, self._names = set(), set()
        return Block(block, types, pack(f"<{len(hashes)}I", *hashes))


def block_of(seq: int) -> int:
    """The block that holds an event."""
    return (seq - 1) // BLOCK


def unfilled(last: int) -> int:
    """The ``seq`` after which events are in no set yet."""
    return last // BLOCK * BLOCK


def hash_of(name: str) -> bytes:
    """What the set of a block holds for a name."""
    return pack("<I", crc32(name.encode()))


def spans(blocks: Iterable[int], after: int, last: int) -> Iterator[tuple[int, int]]:
    """The ranges ``low < seq <= high`` of some filled blocks, in rising order, and of the unfilled.

    Neighbours are joined; no range goes beyond ``after`` and ``last``.
    """
    tail = unfilled(last)
    low = high = after
    for start, end in [*((block * BLOCK, (block + 1) * BLOCK) for block in blocks), (tail, last)]:
        if start > high:
            if high > low:
                yield low, high
            low = start
        high = max(high, min(end, last))
    if high > low:
        yield low, high

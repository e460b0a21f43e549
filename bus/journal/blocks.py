"""The index by run, task, agent and type: which blocks of 4,096 events hold a name.

An index on a column costs an eighth to a quarter of an append, for each column. A name is looked up
far less often than it is written, and close to where it was written: so what is kept is the set of
names for each block, written once, in the commit that fills the block. A read scans the blocks that
hold its names (about a millisecond each), and the newest block, which has no set yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .chain import COLUMNS, Row

__all__ = ["BLOCK", "NameSets", "block_of", "names_in", "spans", "unfilled"]

BLOCK = 4_096
_NAMED = tuple(COLUMNS.index(column) for column in ("type", "run", "task", "agent"))


class NameSets:
    """Collects the names of the block that is being filled. Only the writer's thread uses it."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        """``rows`` are those of the unfilled block."""
        self._names: set[str] = set()
        self.add(list(rows))

    def add(self, rows: Sequence[Row]) -> list[tuple[str, int]]:
        """Take the next rows in; returns ``(name, block)`` for each block that they fill."""
        filled: list[tuple[str, int]] = []
        while rows:
            block = block_of(rows[0][0])
            room = (block + 1) * BLOCK - rows[0][0] + 1
            self._names |= names_in(rows[:room])
            if len(rows) < room:
                break
            filled += [(name, block) for name in sorted(self._names)]
            self._names = set()
            rows = rows[room:]
        return filled


def names_in(rows: Sequence[Row]) -> set[str]:
    """Every name that a look-up may ask for; no empty ones."""
    names: set[str] = set()
    for column in _NAMED:
        names |= {row[column] for row in rows}
    names.discard("")
    return names


def block_of(seq: int) -> int:
    """The block that holds an event."""
    return (seq - 1) // BLOCK


def unfilled(last: int) -> int:
    """The ``seq`` after which events are in no set yet."""
    return last // BLOCK * BLOCK


def spans(blocks: Iterable[int], after: int, last: int) -> Iterator[tuple[int, int]]:
    """Ranges ``after < seq <= until`` of filled blocks in rising order, and of the unfilled one.

    Neighbours are joined; nothing outside of ``after`` and ``last`` is in a range.
    """
    tail = unfilled(last)
    low, high = after, after
    for block in blocks:
        start, end = max(block * BLOCK, after), min((block + 1) * BLOCK, tail)
        if start > high:
            if high > low:
                yield low, high
            low = start
        high = max(high, end)
    start = max(tail, after)
    if start > high > low:
        yield low, high
    if start > high:
        low = start
    if last > low:
        yield low, last

"""Checking the index: does each filled block have just the names that its events have?"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from .blocks import BLOCK, Block, BlockFiller, block_of, unfilled
from .chain import Row
from .findings import Finding

__all__ = ["IndexCheck"]


class IndexCheck:
    """Builds the index once more while the events go by, and compares."""

    def __init__(self, after: int) -> None:
        """The first event to go by is ``after + 1``."""
        self._after = after
        self._filler = BlockFiller(after)
        self._filled: list[Block] = []
        self._whole = block_of(after + BLOCK)  # the first block of which nothing was trimmed

    def saw(self, rows: Sequence[Row]) -> None:
        """Take the next events in; there must be no hole before them."""
        self._filled += self._filler.add(rows)

    def findings(self, connection: sqlite3.Connection, last: int) -> list[Finding]:
        """What differs in the blocks up to ``last``."""
        built = {filled.block: filled for filled in self._filled}
        kept = {
            row[0]: Block(*row)
            for row in connection.execute("SELECT block, types, names FROM blocks")
        }
        return [
            Finding("index", block * BLOCK + 1, (block + 1) * BLOCK, "not found by their names")
            for block in range(self._whole, unfilled(last) // BLOCK)
            if kept.get(block) != built.get(block)
        ]

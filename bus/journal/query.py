"""A filter as SQL: what SQLite compares as ``Filter`` does, and what is left for Python."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache

import msgspec

from ..envelope import Event
from . import schema
from .blocks import hash_of
from .store import Filter

__all__ = ["Query"]

_BLOCKS = "SELECT block, types, names FROM blocks WHERE block >= ? ORDER BY block"


class Query:
    """Selects the events of a filter from a range of ``seq``, which is bound first."""

    def __init__(self, only: Filter) -> None:
        """Only globs with brackets are left for Python: SQLite writes ``[^a]`` for ``[!a]``."""
        exact = {"run": only.run, "task": only.task, "agent": only.agent}
        self._names = [hash_of(name) for name in exact.values() if name]
        self._types = only.types
        globs = () if any("[" in glob for glob in only.types) else only.types
        self.left: Callable[[Event], bool] | None = None
        if globs != only.types:
            self.left = lambda event: only.matches(event.envelope)
        terms = ["seq > ?", "seq <= ?", *(f"{column} = ?" for column in exact if exact[column])]
        if globs:
            terms.append("(" + " OR ".join(["type GLOB ?"] * len(globs)) + ")")
        self.values = (*filter(None, exact.values()), *globs)
        self.sql = f"{schema.SELECT} WHERE {' AND '.join(terms)} ORDER BY seq"

    def blocks(self, connection: sqlite3.Connection, start: int) -> list[int] | None:
        """The filled blocks from ``start`` on that may hold such events; ``None``: all of them."""
        if not self._names and not self._types:
            return None
        has_type = cache(self._has_type)
        return [
            block
            for block, types, names in connection.execute(_BLOCKS, (start,))
            if all(name in names for name in self._names) and has_type(types)
        ]

    def _has_type(self, types: str) -> bool:
        if not self._types:
            return True
        every = msgspec.json.decode(types, type=list[str])
        return any(fnmatchcase(kind, glob) for kind in every for glob in self._types)

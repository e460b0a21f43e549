"""A filter as SQL: what SQLite compares as ``Filter`` does, and what is left for Python."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from ..envelope import Event
from . import schema
from .store import Filter

__all__ = ["Query"]

_WILD = "*?["


class Query:
    """Selects the events of a filter from a range of ``seq``, which is bound first."""

    def __init__(self, only: Filter) -> None:
        """Only globs with brackets are left for Python: SQLite writes ``[^a]`` for ``[!a]``."""
        exact = {"run": only.run, "task": only.task, "agent": only.agent}
        self._names = [name for name in exact.values() if name]
        bracketed = any("[" in glob for glob in only.types)
        self._globs = () if bracketed else only.types
        self.values = (*self._names, *self._globs)
        self.left: Callable[[Event], bool] | None = None
        if bracketed:
            self.left = lambda event: only.matches(event.envelope)
        terms = ["seq > ?", "seq <= ?", *(f"{column} = ?" for column in exact if exact[column])]
        if self._globs:
            terms.append(_any("type GLOB ?", len(self._globs)))
        self.sql = f"{schema.SELECT} WHERE {' AND '.join(terms)} ORDER BY seq"

    def blocks(self, connection: sqlite3.Connection, start: int) -> list[int] | None:
        """The filled blocks from ``start`` on that may hold such events; ``None``: all of them."""
        parts = [("name = ?", [name]) for name in self._names]
        if self._globs and not any(glob[:1] in _WILD for glob in self._globs):
            parts.append((_any("name GLOB ?", len(self._globs)), list(self._globs)))
        if not parts:
            return None
        found = "SELECT block FROM names WHERE block >= ? AND "
        sql = " INTERSECT ".join(found + rule for rule, _ in parts) + " ORDER BY block"
        values = [value for _, names in parts for value in (start, *names)]
        return [block for (block,) in connection.execute(sql, values)]


def _any(rule: str, times: int) -> str:
    return "(" + " OR ".join([rule] * times) + ")"

"""Which events a reader is given. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from ..wire import ObservedEvent

__all__ = ["Wanted"]

_MOST_TYPES = 1000


class Wanted:
    """Which events a reader is given: those of a run, and of types by globs such as ``tool.*``."""

    def __init__(self, run: str | None, types: Iterable[str] | None) -> None:
        self.run = run or ""
        self._globs = tuple(types or ())
        self._types: dict[str, bool] = {}

    def __call__(self, event: ObservedEvent) -> bool:
        """Tell whether the reader is given this event."""
        if self.run and event.run != self.run:
            return False
        if not self._globs:
            return True
        found = self._types.get(event.type)
        if found is None:
            found = any(fnmatchcase(event.type, glob) for glob in self._globs)
            if len(self._types) < _MOST_TYPES:
                self._types[event.type] = found
        return found

"""Death watch."""

from __future__ import annotations

from collections.abc import Callable

from .cell import Cell
from .verdicts import Down

__all__ = ["Monitor"]


class Monitor:
    """A death watch that can be called off."""

    __slots__ = ("_cell", "_watcher")

    def __init__(self, cell: Cell, watcher: Callable[[Down], object]) -> None:
        """Made by ``ActorRef.monitor``."""
        self._cell = cell
        self._watcher = watcher

    def cancel(self) -> bool:
        """Call it off; False when the ``Down`` was given already."""
        return self._cell.unwatch(self._watcher)

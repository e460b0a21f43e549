"""The directory: which actors of one system live, by number and by name."""

from __future__ import annotations

import threading
from itertools import count
from typing import Any

from retinue.bus.errors import ActorDead, InvalidInput

from .cell import Cell

__all__ = ["Directory"]


class Directory:
    """The living of one system. Any thread; every look-up takes the same time."""

    def __init__(self, system: str) -> None:
        """Open, and empty."""
        self.started = 0
        self._system = system
        self._serials = count(1)
        self._cells: dict[int, Cell] = {}
        self._names: dict[str, Cell] = {}
        self._closed = False
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many live."""
        return len(self._cells)

    def serial(self) -> int:
        """A number for the next actor."""
        return next(self._serials)

    def enter(self, cell: Cell) -> None:
        """Add a cell. Raises ``InvalidInput`` for a taken name, ``ActorDead`` once closed."""
        with self._lock:
            if self._closed:
                raise ActorDead(f"system {self._system} is closed and starts no actors")
            if cell.given_name is not None:
                self._take_name(cell.given_name, cell)
            self._cells[cell.serial] = cell
            self.started += 1

    def leave(self, cell: Cell) -> bool:
        """Remove a cell; True when it was the last."""
        with self._lock:
            self._cells.pop(cell.serial, None)
            if cell.given_name is not None and self._names.get(cell.given_name) is cell:
                del self._names[cell.given_name]
            return not self._cells

    def find(self, name: str) -> Cell | None:
        """The living actor of that name, given or numbered."""
        with self._lock:
            cell = self._names.get(name)
            if cell is None:
                serial = name.rpartition("-")[2]
                cell = self._cells.get(int(serial)) if serial.isdecimal() else None
        return cell if cell is not None and cell.name == name else None

    def refs(self) -> list[Any]:
        """The living actors' refs, in the order they were started."""
        with self._lock:
            return [cell.ref for cell in self._cells.values()]

    def close(self) -> None:
        """Let nobody in from now on."""
        with self._lock:
            self._closed = True

    @property
    def closed(self) -> bool:
        """True once nobody is let in."""
        return self._closed

    def _take_name(self, name: str, cell: Cell) -> None:
        if name in self._names:
            raise InvalidInput(
                f"actor name {name!r} is taken in system {self._system}; choose another, "
                "or stop the one that has it"
            )
        self._names[name] = cell

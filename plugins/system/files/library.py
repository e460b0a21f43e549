"""The files under the roots, as text and as passages; passages are kept while a file is unchanged."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from fnmatch import fnmatchcase

from retinue.bus.clock import Clock
from retinue.bus.errors import InvalidInput

from .passages import split
from .roots import Entry, Roots
from .search import Indexed, index
from .text import NotText, decode

__all__ = ["Library"]

_SETTLED = 1.0
"""Seconds: a file changed more recently may change again without a new time of change."""


class Library:
    """Reads what the roots hold. Any thread may use it."""

    def __init__(
        self, roots: Roots, *, max_file: int, max_files: int, max_kept: int, clock: Clock
    ) -> None:
        """``max_file`` and ``max_kept`` (of all kept passages' files) are in bytes."""
        self.roots = roots
        self._max_file = max_file
        self._max_files = max_files
        self._max_kept = max_kept
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], tuple[Entry, list[Indexed]]] = {}
        self._bytes = 0

    def entries(self, root: str, under: str = "", glob: str = "") -> Iterator[tuple[str, Entry]]:
        """Each file with its root's name; all roots for an empty name. Raises ``InvalidInput``."""
        count = 0
        named = root or under or len(self.roots.names) < 2
        for name in [self.roots.pick(root)] if named else self.roots.names:
            for entry in self.roots.walk(name, under):
                count += 1
                if count > self._max_files:
                    raise InvalidInput(
                        f"files: more than {self._max_files} files; narrow it with under=, or the "
                        "operator raises plugins.files.max_files"
                    )
                if not glob or _matches(entry.path, glob):
                    yield name, entry

    def read(self, root: str, path: str) -> str:
        """The whole text; raises ``InvalidInput`` for too large a file and for what is no text."""
        with self.roots.open_file(root, path) as descriptor:
            data = _read(descriptor, self._max_file + 1)
        if len(data) > self._max_file:
            raise InvalidInput(f"files: {path!r} is over {self._max_file} bytes")
        try:
            return decode(data)
        except NotText as error:
            raise InvalidInput(f"files: {path!r} cannot be read: {error}") from error

    def passages(self, root: str, entry: Entry) -> list[Indexed]:
        """The file's passages; none for a binary, too large or meanwhile vanished file."""
        kept = self._kept.get((root, entry.path))
        if kept is not None and kept[0] == entry:
            return kept[1]
        if entry.size > self._max_file:
            return []
        try:
            text = self.read(root, entry.path)
        except (InvalidInput, LookupError):
            text = ""
        found = [index(passage, entry.path) for passage in split(text, entry.path)]
        self._keep(root, entry, found)
        return found

    def _keep(self, root: str, entry: Entry, found: list[Indexed]) -> None:
        if self._clock.time() - entry.changed < _SETTLED:
            return
        with self._lock:
            old = self._kept.pop((root, entry.path), None)
            self._bytes -= old[0].size if old else 0
            self._kept[root, entry.path] = (entry, found)
            self._bytes += entry.size
            while self._bytes > self._max_kept:
                oldest, _ = self._kept.pop(next(iter(self._kept)))
                self._bytes -= oldest.size


def _matches(path: str, glob: str) -> bool:
    return fnmatchcase(path, glob) or fnmatchcase(path.rpartition("/")[2], glob)


def _read(descriptor: int, limit: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read(limit)

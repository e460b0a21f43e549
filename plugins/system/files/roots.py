"""Granted folders, and the only way into them: one path component at a time, no links."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from retinue.bus.errors import ConfigError, InvalidInput, NotFound

__all__ = ["Entry", "Roots"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a FIFO that replaced the file after the check must not block the reader.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MAX_DEPTH = 32
_MAX_PATH = 4096


class Entry(NamedTuple):
    """A regular file under a root: equal entries hold equal content.

    ``size`` is in bytes, ``changed`` in seconds since the epoch.
    """

    path: str
    size: int
    changed: float
    stamp: tuple[int, int, int]


class Roots:
    """Folders by name. Nothing outside them can be opened, by any path, link or race.

    Every component is opened below the one before with ``O_NOFOLLOW``, so that a link put there
    between a check and an open is refused as well. Hidden names (with a leading dot) are not
    there unless ``hidden`` is set. Hard links and mounts inside a root belong to it.
    """

    def __init__(self, roots: Mapping[str, str | Path], *, hidden: bool = False) -> None:
        """The roots have to exist now; raises ``ConfigError``."""
        self._roots = {name: _resolve(name, Path(path)) for name, path in roots.items()}
        self._hidden = hidden

    @property
    def names(self) -> list[str]:
        """The roots' names, in the order of the configuration."""
        return list(self._roots)

    def pick(self, root: str) -> str:
        """The root of that name; the only one for an empty name. Raises ``InvalidInput``."""
        if not self._roots:
            raise InvalidInput("files: no folder is granted; the operator sets plugins.files.roots")
        if root in self._roots:
            return root
        if not root and len(self._roots) == 1:
            return self.names[0]
        raise InvalidInput(
            f"files: root {root!r} is not granted; say one of: {', '.join(self.names)}"
        )

    @contextmanager
    def open_file(self, root: str, path: str) -> Iterator[int]:
        """A descriptor of the regular file, for reading; closed at the end.

        Raises ``InvalidInput`` for a path that leaves the root or names no regular file, and
        ``NotFound`` when there is none.
        """
        *folders, name = self._split(path)
        folder = self._open_folder(root, folders, path)
        try:
            _refuse_special(os.stat(name, dir_fd=folder, follow_symlinks=False), path)
            descriptor = os.open(name, _FILE, dir_fd=folder)
        except OSError as error:
            raise _refusal(error, path) from error
        finally:
            os.close(folder)
        try:
            _refuse_special(os.fstat(descriptor), path)
            yield descriptor
        finally:
            os.close(descriptor)

    def walk(self, root: str, under: str = "") -> Iterator[Entry]:
        """Every regular file below ``under``, sorted by name; what cannot be opened is left out."""
        folders = self._split(under) if under not in ("", ".") else []
        yield from self._walk(self._open_folder(root, folders, under), folders)

    def _walk(self, folder: int, names: list[str]) -> Iterator[Entry]:
        """Yield the files of one open folder and below; closes it."""
        try:
            for item in self._scan(folder):
                here = [*names, item.name]
                if item.is_dir(follow_symlinks=False):
                    below = _open_below(folder, item.name) if len(here) < _MAX_DEPTH else None
                    if below is not None:
                        yield from self._walk(below, here)
                elif item.is_file(follow_symlinks=False):
                    entry = _entry("/".join(here), item)
                    if entry is not None:
                        yield entry
        finally:
            os.close(folder)

    def _scan(self, folder: int) -> list[os.DirEntry[str]]:
        with os.scandir(folder) as items:
            seen = [i for i in items if self._hidden or not i.name.startswith(".")]
        return sorted((i for i in seen if i.name.isprintable()), key=lambda i: i.name)

    def _open_folder(self, root: str, folders: list[str], path: str) -> int:
        base = self._roots[self.pick(root)]
        try:
            descriptor = os.open(base, _FOLDER)
            for name in folders:
                descriptor = _open_and_close(descriptor, name)
        except OSError as error:
            raise _refusal(error, path) from error
        return descriptor

    def _split(self, path: str) -> list[str]:
        """The components, refused here rather than by the file system when they cannot be meant."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if path.startswith("/"):
            raise InvalidInput(f"files: {path!r} is absolute; give a path relative to the root")
        if ".." in parts:
            raise InvalidInput(f"files: {path!r} leaves the root; '..' is not allowed")
        if not path.isprintable() or "\\" in path:
            raise InvalidInput(f"files: {path!r} holds control characters or backslashes")
        if not parts or len(parts) > _MAX_DEPTH or len(path) > _MAX_PATH:
            raise InvalidInput(f"files: {path[:80]!r} is not the path of a file")
        if not self._hidden and any(part.startswith(".") for part in parts):
            raise InvalidInput(
                f"files: {path!r} is hidden; the operator may set plugins.files.hidden"
            )
        return parts


def _resolve(name: str, path: Path) -> str:
    try:
        resolved = path.expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"plugins.files.roots: {name!r}: {path} is not there; {error}") from error
    if not resolved.is_dir():
        raise ConfigError(f"plugins.files.roots: {name!r}: {path} is not a folder; grant folders")
    return str(resolved)


def _open_and_close(folder: int, name: str) -> int:
    """Open ``name`` below ``folder``, and close ``folder`` whatever happens."""
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    finally:
        os.close(folder)


def _open_below(folder: int, name: str) -> int | None:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except OSError:  # gone, replaced or not readable: it is not listed
        return None


def _entry(path: str, item: os.DirEntry[str]) -> Entry | None:
    try:
        found = item.stat(follow_symlinks=False)
    except OSError:  # gone since the scan
        return None
    stamp = (found.st_dev, found.st_ino, found.st_ctime_ns)
    return Entry(path, found.st_size, found.st_ctime, stamp)


def _refuse_special(found: os.stat_result, path: str) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise InvalidInput(f"files: {path!r} goes through a link; links are not followed")
    if not stat.S_ISREG(found.st_mode):
        raise InvalidInput(
            f"files: {path!r} is not a regular file; files.list shows those there are"
        )


def _refusal(error: OSError, path: str) -> InvalidInput | NotFound:
    if error.errno == errno.ENOENT:
        return NotFound(f"files: {path!r} is not there; files.list shows what is")
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return InvalidInput(
            f"files: {path!r} goes through a link or a file; links are not followed"
        )
    return InvalidInput(f"files: {path!r} cannot be opened: {error.strerror}")

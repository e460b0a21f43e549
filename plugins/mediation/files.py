"""``fs.*``: files within what was granted, opened without following a link of any kind."""

from __future__ import annotations

import asyncio
import base64
import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

import msgspec

from retinue.bus.errors import Denied, InvalidInput, NotFound

from ..beneath import open_beneath
from ..hosting.calls import CallContext
from ..manifest.model import Permissions
from .judge import GrantsAlone, Judge
from .mediator import parameters

__all__ = ["FileService", "root_of"]

MAX_PIECE = 128 * 1024
"""Bytes of one read or write, so that it fits a frame as base64; longer files go in pieces."""
MAX_ENTRIES = 1000


class _Read(msgspec.Struct, forbid_unknown_fields=True):
    path: str
    offset: int = 0
    size: int = MAX_PIECE


class _Write(msgspec.Struct, forbid_unknown_fields=True):
    path: str
    data: str
    offset: int | None = None
    """Where to write; ``None`` replaces the file."""


class _Path(msgspec.Struct, forbid_unknown_fields=True):
    path: str


class FileService:
    """Reads and writes for plugins; the work is done on threads, and opens nothing that blocks."""

    def __init__(self, judge: Judge | None = None) -> None:
        """``judge`` has the rules that hold beside grants."""
        self._judge = judge or GrantsAlone()
        self._methods: dict[str, tuple[type[Any], Callable[[int, str, Any], Any], bool]] = {
            "fs.read": (_Read, _read, False),
            "fs.list": (_Path, _list, False),
            "fs.stat": (_Path, _stat, False),
            "fs.write": (_Write, _write, True),
            "fs.remove": (_Path, _remove, True),
            "fs.mkdir": (_Path, _mkdir, True),
        }

    async def handle(self, call: CallContext, method: str, params: bytes) -> Any:
        """One request. Raises ``Denied`` outside the grant, ``NotFound``, ``InvalidInput``."""
        if method not in self._methods:
            raise Denied("fs.unknown_method", method, f"there is no {method!r} to ask for")
        kind, work, writes = self._methods[method]
        asked = parameters(params, kind, method)
        root, inner = root_of(asked.path, call.grant.permissions, writes=writes)
        if inner == "." and method in ("fs.remove", "fs.mkdir"):
            raise Denied("fs.root", asked.path, f"{asked.path!r} was granted itself, and stays")
        place = str(PurePosixPath(root, inner))
        await self._judge.allow(call, "write" if writes else "read", place, {})
        if isinstance(asked, _Write):
            _check_size(asked, call.grant.limits.file_bytes)
        return await asyncio.to_thread(_done, root, inner, asked, work)


def root_of(path: str, permissions: Permissions, *, writes: bool) -> tuple[str, str]:
    """The granted folder or file that covers a path, and the rest of the path. Pure.

    Raises ``Denied`` when none does. Nothing is resolved here: opening does that, beneath the root.
    """
    asked = PurePosixPath(path)
    if "\0" in path or not asked.is_absolute() or ".." in asked.parts:
        raise Denied("fs.path", path, "a path is absolute, and has no '..' and no NUL")
    roots = permissions.write if writes else (*permissions.write, *permissions.read)
    for root in sorted(roots, key=len, reverse=True):
        if asked.is_relative_to(root):
            return root, str(asked.relative_to(root))
    verb = "write" if writes else "read"
    raise Denied(f"fs.{verb}", path, f"it may not {verb} {path!r}")


def _check_size(asked: _Write, most: int) -> None:
    """What Linux keeps to for the plugin's own writes holds for those that it asks for, too."""
    end = (asked.offset or 0) + len(asked.data) * 3 // 4
    if (asked.offset or 0) < 0 or end > most:
        raise Denied(
            "fs.size", asked.path, f"a file may have {most:,} bytes: raise limits.file_bytes"
        )


def _done(root: str, inner: str, asked: Any, work: Callable[[int, str, Any], Any]) -> Any:
    try:
        flags = os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW
        folder = os.open(str(PurePosixPath(root).parent) if inner == "." else root, flags)
    except OSError as error:
        raise NotFound(f"{root}: {error.strerror}") from error
    try:
        return work(folder, PurePosixPath(root).name if inner == "." else inner, asked)
    finally:
        os.close(folder)


def _read(folder: int, inner: str, asked: _Read) -> Any:
    with _opened(folder, inner, asked.path, os.O_RDONLY | os.O_NONBLOCK) as descriptor:
        _check_regular(descriptor, asked.path)
        size = max(0, min(asked.size, MAX_PIECE))
        data = os.pread(descriptor, size, max(0, asked.offset))
        return {"data": base64.b64encode(data).decode(), "size": os.fstat(descriptor).st_size}


def _list(folder: int, inner: str, asked: _Path) -> Any:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK
    with _opened(folder, inner, asked.path, flags) as descriptor, os.scandir(descriptor) as found:
        entries = sorted(
            (e.name, e.is_dir(follow_symlinks=False))
            for e, _ in zip(found, range(MAX_ENTRIES), strict=False)
        )
    return [{"name": name, "folder": is_folder} for name, is_folder in entries]


def _stat(folder: int, inner: str, asked: _Path) -> Any:
    with _opened(folder, inner, asked.path, os.O_PATH) as descriptor:
        found = os.fstat(descriptor)
        return {
            "size": found.st_size,
            "folder": stat.S_ISDIR(found.st_mode),
            "modified": found.st_mtime,
        }


def _write(folder: int, inner: str, asked: _Write) -> Any:
    try:
        data = base64.b64decode(asked.data, validate=True)
    except ValueError as error:
        raise InvalidInput("fs.write: data is not base64") from error
    flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK
    with _opened(folder, inner, asked.path, flags, 0o600) as descriptor:
        _check_regular(descriptor, asked.path)
        if os.fstat(descriptor).st_nlink > 1:
            raise Denied("fs.write", asked.path, f"{asked.path!r} is a hard link")
        if asked.offset is None:
            os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, data, asked.offset or 0)
    return {"written": len(data)}


def _remove(folder: int, inner: str, asked: _Path) -> Any:
    with _parent(folder, inner, asked.path) as (parent, name):
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            os.rmdir(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)
    return {"removed": True}


def _mkdir(folder: int, inner: str, asked: _Path) -> Any:
    with _parent(folder, inner, asked.path) as (parent, name):
        os.mkdir(name, 0o700, dir_fd=parent)
    return {"made": True}


@contextmanager
def _parent(folder: int, inner: str, path: str) -> Iterator[tuple[int, str]]:
    """The folder of what is asked for, and its name there."""
    inside = PurePosixPath(inner)
    with _opened(folder, str(inside.parent), path, os.O_PATH | os.O_DIRECTORY) as parent:
        try:
            yield parent, inside.name
        except OSError as error:
            raise NotFound(f"{path}: {error.strerror}") from error


@contextmanager
def _opened(folder: int, inner: str, path: str, flags: int, mode: int = 0) -> Iterator[int]:
    try:
        descriptor = open_beneath(folder, inner, flags, mode)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EXDEV):
            raise Denied(
                "fs.link", path, f"{path!r} leads through a link, or out of its folder"
            ) from error
        raise NotFound(f"{path}: {error.strerror}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _check_regular(descriptor: int, path: str) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise Denied("fs.kind", path, f"{path!r} is no regular file")

"""Taking a plugin's folder in: looked at without following anything, and copied for good.

What runs later is the copy, which is read-only and named by the SHA-256 of all that is in it:
whatever happens to the folder afterwards changes nothing that was approved.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from retinue.bus.errors import PluginError

from ..beneath import open_beneath
from .model import Manifest
from .parse import parse_manifest

__all__ = [
    "MANIFEST",
    "Admitted",
    "admit",
    "check_path",
    "copy_content",
    "digest_of",
    "read_admitted",
]

MANIFEST = "plugin.toml"
MAX_FILES = 20_000
MAX_BYTES = 256 << 20
MAX_DEPTH = 32
_NAME = re.compile(r"[A-Za-z0-9_@+,=%~ .-]{1,200}\Z")
_FORBIDDEN = re.compile(r"(site|user)customize\.pyc?\Z|.*\.(pth|egg-link)\Z", re.IGNORECASE)
_PASSED_OVER = frozenset({"__pycache__", ".git", ".venv", ".bin", ".pytest_cache", ".mypy_cache"})


class Admitted(msgspec.Struct, frozen=True):
    """A plugin whose files are in the store, at ``folder``; ``digest`` is SHA-256 in hex."""

    manifest: Manifest
    digest: str
    folder: str


class _File(NamedTuple):
    path: str
    descriptor: int
    executable: bool


def admit(folder: Path, store: Path) -> Admitted:
    """Check a plugin's folder and copy it into the store; the same content gives the same place.

    Raises ``PluginError`` that names the file, the rule and the remedy; nothing is left behind then.
    """
    root = _open_folder(folder)
    try:
        _refuse_without_manifest(root, folder)
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".taking-in-", dir=store))
        try:
            _copy(root, scratch, str(folder))
            manifest = _manifest_in(scratch, folder)
            digest = digest_of(scratch)
            _keep(scratch, store / digest)
        finally:
            _remove(scratch)
    finally:
        os.close(root)
    return Admitted(manifest, digest, str(store / digest))


def read_admitted(store: Path, digest: str) -> Admitted:
    """What was taken in as ``digest``, read again. Raises ``PluginError`` unless it is unchanged."""
    folder = store / digest
    if not re.fullmatch(r"[0-9a-f]{64}", digest) or not folder.is_dir():
        raise PluginError(f"plugin {digest[:12]}: its files are gone from the store; load it again")
    if digest_of(folder) != digest:
        raise PluginError(f"plugin {digest[:12]}: its files in {store} were changed; load it again")
    return Admitted(_manifest_in(folder, folder), digest, str(folder))


def check_path(path: str, source: str) -> None:
    """Whether a path may be one of a plugin's files. Raises ``PluginError``."""
    names = path.split("/")
    if len(names) > MAX_DEPTH or not {"", ".", ".."}.isdisjoint(names):
        raise PluginError(f"{source}: {path!r}: give a plain path beneath the plugin's folder")
    for name in names:
        _check_name(name, path, source)


def digest_of(folder: Path) -> str:
    """The SHA-256 of a copied folder: each path, whether it may be executed, and its content."""
    whole = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        executable = b"x" if path.stat().st_mode & stat.S_IXUSR else b"-"
        name = str(path.relative_to(folder)).encode()
        content = hashlib.sha256(path.read_bytes()).digest()
        whole.update(struct.pack(">I", len(name)) + name + executable + content)
    return whole.hexdigest()


def _refuse_without_manifest(root: int, folder: Path) -> None:
    """Before anything is copied: somebody may have named the wrong folder, and a large one."""
    try:
        os.stat(MANIFEST, dir_fd=root, follow_symlinks=False)
    except FileNotFoundError:
        raise PluginError(f"{folder}: has no {MANIFEST}; give the folder that holds it") from None


def _manifest_in(copied: Path, source: Path) -> Manifest:
    path = copied / MANIFEST
    if not path.is_file():
        raise PluginError(f"{source}: {MANIFEST} is no file; write one")
    with path.open("rb") as file:
        return parse_manifest(file.read(64 * 1024 + 1), str(source / MANIFEST))


def _open_folder(folder: Path) -> int:
    text = str(folder)
    if "\0" in text or not text.isprintable():  # openat2 through ctypes would stop at a NUL
        raise PluginError(f"{text!r}: a path has no control characters")
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise PluginError(
            f"{folder}: {error.strerror}; give the plugin's folder itself, not a link or an archive"
        ) from error


def _copy(root: int, target: Path, source: str) -> None:
    total = 0
    seen: dict[str, str] = {}
    for count, file in enumerate(_walk(root, "", source), start=1):
        with os.fdopen(file.descriptor, "rb") as content:
            other = seen.setdefault(file.path.casefold(), file.path)
            if other != file.path:
                raise PluginError(f"{source}: {other} and {file.path} differ in case only")
            size = os.fstat(content.fileno()).st_size
            total += size
            if count > MAX_FILES or total > MAX_BYTES:
                raise PluginError(
                    f"{source}: over {MAX_FILES:,} files or {MAX_BYTES >> 20} MiB; leave out what "
                    "the plugin does not need"
                )
            place = target / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as copy:
                copy_content(content, copy, size, f"{source}: {file.path}")
            place.chmod(0o555 if file.executable else 0o444)


def copy_content(content: IO[bytes], copy: IO[bytes], size: int, what: str) -> None:
    """What was counted, and not what somebody goes on adding."""
    while size > 0 and (piece := content.read(min(size, 1 << 20))):
        copy.write(piece)
        size -= len(piece)
    if size or content.read(1):
        raise PluginError(f"{what} changes while it is read; try again when nobody writes it")


def _walk(folder: int, prefix: str, source: str, depth: int = 0) -> Iterator[_File]:
    if depth > MAX_DEPTH:
        raise PluginError(f"{source}: {prefix} is nested over {MAX_DEPTH} folders deep")
    for name in sorted(os.listdir(folder)):
        if name in _PASSED_OVER:
            continue
        path = f"{prefix}{name}"
        _check_name(name, path, source)
        descriptor = _open_entry(folder, name, path, source)
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            try:
                yield from _walk(descriptor, f"{path}/", source, depth + 1)
            finally:
                os.close(descriptor)
            continue
        try:
            _check_file(found, path, source)
        except PluginError:
            os.close(descriptor)
            raise
        yield _File(path, descriptor, bool(found.st_mode & stat.S_IXUSR))


def _check_name(name: str, path: str, source: str) -> None:
    if not _NAME.match(name) or name.endswith((" ", ".")):
        raise PluginError(f"{source}: {path!r}: use ASCII letters, digits and plain punctuation")
    if _FORBIDDEN.match(name):
        raise PluginError(f"{source}: {path}: runs unasked in every interpreter; remove it")


def _check_file(found: os.stat_result, path: str, source: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise PluginError(f"{source}: {path} is not a regular file or folder; remove it")
    if found.st_nlink != 1:
        raise PluginError(f"{source}: {path} is a hard link; copy the file instead")


def _open_entry(folder: int, name: str, path: str, source: str) -> int:
    """Open without waiting for the other end of a FIFO."""
    try:
        return open_beneath(folder, name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        raise PluginError(
            f"{source}: {path}: {error.strerror}; links and devices are not taken in"
        ) from error


def _keep(scratch: Path, place: Path) -> None:
    """Make it read-only and give it its name, unless it is there already."""
    for folder in (scratch, *(p for p in scratch.rglob("*") if p.is_dir())):
        folder.chmod(0o755)  # until it is renamed: a folder that may not be written cannot be
    if place.exists():
        return
    scratch.rename(place)
    for folder in (*(p for p in place.rglob("*") if p.is_dir()), place):
        folder.chmod(0o555)


def _remove(scratch: Path) -> None:
    if not scratch.exists():
        return
    for folder in (scratch, *(p for p in scratch.rglob("*") if p.is_dir())):
        folder.chmod(0o755)
    shutil.rmtree(scratch)

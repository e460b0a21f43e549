"""``Pages``: the files of a web page that a plugin of the system brings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from retinue.bus.errors import InvalidInput

if TYPE_CHECKING:  # every plugin's process imports this module, and few have pages
    from importlib.resources.abc import Traversable

__all__ = ["INDEX", "Page", "Pages"]

INDEX = "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


class Page(msgspec.Struct, frozen=True):
    """One file as it is served; ``etag`` names its content, ``packed`` is it under gzip."""

    body: bytes
    packed: bytes
    media_type: str
    etag: str


class Pages:
    """The files of a folder and of those in it, read once, when the first of them is asked for.

    The kernel's API serves them at ``/pages/PLUGIN/PATH`` to whoever asks: nothing secret may be in
    them, and what they show they have to ask the API for, with the token of who looks.
    """

    def __init__(self, folder: Traversable) -> None:
        """The folder has an ``index.html``."""
        self._folder = folder

    def find(self, path: str) -> Page | None:
        """The file with this path, as ``lib/api.js``; the index for an empty one."""
        return self.files.get(path or INDEX)

    @cached_property
    def files(self) -> Mapping[str, Page]:
        """All of them by path; raises ``InvalidInput`` for one of an unknown kind."""
        return {path: _page(path, file.read_bytes()) for path, file in _walked(self._folder, "")}


def _walked(folder: Traversable, above: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        path = f"{above}{entry.name}"
        if entry.is_dir():
            yield from _walked(entry, f"{path}/")
        else:
            yield path, entry


def _page(path: str, body: bytes) -> Page:
    import gzip
    import hashlib

    suffix = path[path.rfind(".") :]
    if suffix not in _TYPES:
        raise InvalidInput(f"page {path}: {suffix} is none of {', '.join(_TYPES)}")
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    return Page(body, gzip.compress(body, mtime=0), _TYPES[suffix], etag)

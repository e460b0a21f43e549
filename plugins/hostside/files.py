"""``ctx.files``: files within what was granted, also where the process itself cannot see them."""

from __future__ import annotations

import base64

import msgspec

from .asking import Asker

__all__ = ["Entry", "Files", "Stat"]

_PIECE = 128 * 1024


class Entry(msgspec.Struct, frozen=True):
    """What a folder holds."""

    name: str
    folder: bool


class Stat(msgspec.Struct, frozen=True):
    """``size`` in bytes, ``modified`` in seconds since the epoch."""

    size: int
    folder: bool
    modified: float


class Files:
    """Paths are absolute. Raises ``Denied`` outside the grant, ``NotFound`` for what is not there."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        """``size`` bytes from ``offset``, all of them by default; fewer at the end of the file."""
        pieces: list[bytes] = []
        left = size
        while left is None or left > 0:
            most = _PIECE if left is None else min(left, _PIECE)
            given = await self._asker.ask("fs.read", path=path, offset=offset, size=most)
            piece = base64.b64decode(given["data"])
            pieces.append(piece)
            offset += len(piece)
            left = None if left is None else left - len(piece)
            if not piece or offset >= given["size"]:
                break
        return b"".join(pieces)

    async def text(self, path: str) -> str:
        """The whole file as UTF-8."""
        return (await self.read(path)).decode()

    async def write(self, path: str, data: bytes | str, offset: int | None = None) -> None:
        """Write at ``offset``; ``None`` replaces the file, or makes it. In several steps if long."""
        given = data.encode() if isinstance(data, str) else data
        first = base64.b64encode(given[:_PIECE]).decode()
        await self._asker.ask("fs.write", path=path, data=first, offset=offset)
        for at in range(_PIECE, len(given), _PIECE):
            piece = base64.b64encode(given[at : at + _PIECE]).decode()
            await self._asker.ask("fs.write", path=path, data=piece, offset=(offset or 0) + at)

    async def list(self, path: str) -> list[Entry]:
        """What a folder holds, by name; a thousand at most."""
        return msgspec.convert(await self._asker.ask("fs.list", path=path), list[Entry])

    async def stat(self, path: str) -> Stat:
        """Size, kind and time."""
        return msgspec.convert(await self._asker.ask("fs.stat", path=path), Stat)

    async def remove(self, path: str) -> None:
        """Remove a file, or an empty folder."""
        await self._asker.ask("fs.remove", path=path)

    async def mkdir(self, path: str) -> None:
        """Make a folder."""
        await self._asker.ask("fs.mkdir", path=path)

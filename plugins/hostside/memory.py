"""``ctx.memory``: notes by key that are there again after a restart."""

from __future__ import annotations

from typing import Literal

import msgspec

from .asking import Asker

__all__ = ["Memory", "Note"]

Scope = Literal["plugin", "agent"]


class Note(msgspec.Struct, frozen=True):
    """``time`` of its last change, in seconds since the epoch."""

    key: str
    text: str
    time: float


class Memory:
    """The plugin's own notes; with the scope ``agent`` those that it keeps for the calling agent.

    A note has up to 64 KiB, all of them together 16 MiB. Secrets that the kernel knows are not
    kept: ``[secret:NAME]`` stands in their place.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def put(self, key: str, text: str, scope: Scope = "plugin") -> None:
        """Keep a text under a key, in the place of what was there; durable on return."""
        await self._asker.ask("memory.put", key=key, text=text, scope=scope)

    async def get(self, key: str, scope: Scope = "plugin") -> Note | None:
        """The note under a key."""
        given = await self._asker.ask("memory.get", key=key, scope=scope)
        return msgspec.convert(given, Note | None)

    async def search(self, query: str, limit: int = 10, scope: Scope = "plugin") -> list[Note]:
        """Notes that hold any word of the query, the best fit first; a hundred at most."""
        given = await self._asker.ask("memory.search", query=query, limit=limit, scope=scope)
        return msgspec.convert(given, list[Note])

    async def keys(self, prefix: str = "", limit: int = 100, scope: Scope = "plugin") -> list[str]:
        """Keys that begin with ``prefix``, in order; a hundred at most."""
        given = await self._asker.ask("memory.keys", key=prefix, limit=limit, scope=scope)
        return msgspec.convert(given, list[str])

    async def delete(self, key: str, scope: Scope = "plugin") -> bool:
        """Forget a note; whether it was there."""
        return bool(await self._asker.ask("memory.delete", key=key, scope=scope))

"""``memory.*``: notes by key that outlive the plugin's process and the kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal, Protocol

import msgspec
from msgspec import Meta

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import Denied

from ..hosting.calls import CallContext
from .judge import Judge
from .mediator import parameters

__all__ = ["MemoryService", "Notes"]

Scope = Literal["plugin", "agent"]
_MOST = 100


class Found(Protocol):
    """One note; ``time`` in seconds since the epoch."""

    @property
    def key(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def time(self) -> float: ...


class Notes(Protocol):
    """Where notes are kept, each owner's apart; blocks, and may be asked by any thread."""

    def put(self, owner: str, key: str, text: str, now: float) -> None:
        """Keep it; raises ``InvalidInput`` over a bound."""

    def get(self, owner: str, key: str) -> Found | None:
        """One of them."""

    def delete(self, owner: str, key: str) -> bool:
        """Whether it was there."""

    def keys(self, owner: str, prefix: str, limit: int) -> list[str]:
        """In order."""

    def search(self, owner: str, query: str, limit: int) -> list[Any]:
        """The best fit first."""


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    key: str = ""
    text: str = ""
    query: str = ""
    limit: Annotated[int, Meta(ge=1, le=_MOST)] = 10
    scope: Scope = "plugin"


class MemoryService:
    """What a plugin notes is its own: no other plugin reads it, whoever calls."""

    def __init__(
        self,
        notes: Notes,
        judge: Judge,
        *,
        withheld: Callable[[str], str] = lambda text: text,
        clock: Clock | None = None,
    ) -> None:
        """``withheld`` replaces secrets in what is kept."""
        self._notes = notes
        self._judge = judge
        self._withheld = withheld
        self._clock = clock or SystemClock()
        self._methods: dict[str, Callable[[str, _Asked], Any]] = {
            "memory.put": self._put,
            "memory.get": self._get,
            "memory.delete": lambda owner, asked: notes.delete(owner, asked.key),
            "memory.keys": lambda owner, asked: notes.keys(owner, asked.key, asked.limit),
            "memory.search": self._search,
        }

    async def handle(self, call: CallContext, method: str, params: bytes) -> Any:
        """One request. Raises ``Denied`` without the grant, ``InvalidInput`` over a bound."""
        work = self._methods.get(method)
        if work is None:
            raise Denied("memory.unknown_method", method, f"there is no {method!r} to ask for")
        if "memory" not in call.grant.permissions.kernel:
            raise Denied("memory.grant", method, "it may not keep notes: ask for kernel 'memory'")
        await self._judge.allow(call, "kernel", "memory", {})
        asked: _Asked = parameters(params, _Asked, method)
        return await asyncio.to_thread(work, _owner(call, asked.scope), asked)

    def _put(self, owner: str, asked: _Asked) -> Any:
        key, text = self._withheld(asked.key), self._withheld(asked.text)
        self._notes.put(owner, key, text, self._clock.time())
        return {"kept": True}

    def _get(self, owner: str, asked: _Asked) -> Any:
        found = self._notes.get(owner, asked.key)
        return None if found is None else _told(found)

    def _search(self, owner: str, asked: _Asked) -> Any:
        return [_told(note) for note in self._notes.search(owner, asked.query, asked.limit)]


def _owner(call: CallContext, scope: Scope) -> str:
    """A plugin's notes for one agent are neither its own nor another agent's."""
    who = call.principals
    if scope == "plugin":
        return f"plugin:{who.plugin}"
    if not who.agent:
        raise Denied("memory.agent", "agent", "this call is no agent's: use the scope 'plugin'")
    return f"plugin:{who.plugin} agent:{who.agent}"


def _told(note: Found) -> dict[str, Any]:
    return {"key": note.key, "text": note.text, "time": note.time}

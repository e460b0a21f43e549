"""The host's side of one call, and on whose behalf it is made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from ..manifest.model import Grant

__all__ = ["CallContext", "Mediator", "OpenCall", "Principals"]


class Principals(msgspec.Struct, frozen=True):
    """Whom a call is made for: each of them has to be allowed what the plugin then asks for."""

    plugin: str
    agent: str = ""
    user: str = ""
    via: tuple[str, ...] = ()
    """Plugins through which it came, the outermost first: none lends its rights to another."""

    @property
    def chain(self) -> tuple[str, ...]:
        """From the plugin outwards, for events and messages."""
        named = (("plugin", self.plugin), *(("plugin", name) for name in reversed(self.via)))
        named += (("agent", self.agent), ("user", self.user))
        return tuple(f"{kind}:{name}" for kind, name in named if name)


class CallContext(msgspec.Struct, frozen=True):
    """One call of a plugin's tool, as its mediator gets it. ``deadline``: a monotonic clock's."""

    call: int
    tool: str
    principals: Principals
    grant: Grant
    deadline: float
    run: str = ""
    task: str = ""
    turn: Any = None
    """The ``TurnDoor`` of an agent of the plugin's own; ``None`` for a call of a tool."""


class Mediator(Protocol):
    """Decides and does what a plugin's process asks for, at the time of each request."""

    async def handle(self, call: CallContext, method: str, params: bytes) -> bytes:
        """JSON in, JSON out. Raises ``RetinueError``, which the plugin gets as its answer."""


class OpenCall:
    """Waits for one answer. On the loop of the process's owner."""

    __slots__ = ("answer", "context", "on_progress", "on_stream", "parts")

    def __init__(
        self,
        context: CallContext | None,
        on_progress: Callable[[float, float, str], None],
        on_stream: Callable[[Any], None],
    ) -> None:
        self.context = context
        self.on_progress = on_progress
        self.on_stream = on_stream
        self.parts: list[bytes] = []
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

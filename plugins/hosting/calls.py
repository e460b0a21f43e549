"""The host's side of one call, and on whose behalf it is made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from retinue.bus.errors import DeadlineExceeded

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
    """Waits for one answer, on the loop that it was made on."""

    __slots__ = (
        "_loop", "answer", "context", "deadline", "on_progress", "on_stream", "over", "parts",
        "seconds",
    )  # fmt: skip

    def __init__(
        self,
        context: CallContext | None,
        on_progress: Callable[[float, float, str], None],
        on_stream: Callable[[Any], None],
        now: float = 0.0,
        seconds: float = float("inf"),
    ) -> None:
        """``now`` is the time of the loop that sees to its deadline."""
        self.context = context
        self.on_progress = on_progress
        self.on_stream = on_stream
        self.seconds = seconds
        self.deadline = now + seconds
        self.over = False
        """Whether nobody waits any more, or what is waited for is on its way."""
        self.parts: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[bytes] = self._loop.create_future()

    def too_late(self) -> DeadlineExceeded:
        """What whoever waits gets at the deadline."""
        return DeadlineExceeded(f"it did not answer within {self.seconds:g} s")

    def settle(self, value: bytes, error: BaseException | None = None) -> None:
        """Give the answer, unless there is one. From any loop, under the lock of the process."""
        if self.over:
            return
        self.over = True
        if asyncio.get_running_loop() is self._loop:
            _settle(self.answer, value, error)
            return
        with suppress(RuntimeError):  # that loop is closed: nobody waits
            self._loop.call_soon_threadsafe(_settle, self.answer, value, error)


def _settle(answer: asyncio.Future[bytes], value: bytes, error: BaseException | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(value)
    else:
        answer.set_exception(error)
        answer.exception()  # whoever waited may be gone: an error that nobody fetched is no news

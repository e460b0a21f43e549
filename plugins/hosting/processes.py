"""What the kernel needs of a plugin's process, whatever is spoken with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from retinue.bus.errors import PluginError

from ..protocol.frames import Hello
from ..sandbox.confined import Confined
from .calls import CallContext
from .doubts import Doubts
from .wire import Witness

__all__ = ["MakeProcess", "NotSent", "PluginProcess"]


class NotSent(PluginError):
    """The process had ended before a call could be sent to it."""


class PluginProcess(Protocol):
    """Lives on one loop, and ends once."""

    reason: str
    """Why it ended; empty while it lives."""
    calls: int
    """How many calls were made."""
    for_good: bool
    """Whether starting it again would not help."""
    anywhere: bool
    """Whether ``call`` may be awaited on any loop; it may raise ``NotSent`` then."""

    doubts: Doubts
    """Calls by which it is not known whether it hangs."""

    @property
    def confined(self) -> Confined:
        """The process behind its walls."""

    @property
    def open_calls(self) -> int:
        """How many calls wait for an answer."""

    async def load(self, settings: bytes, seconds: float) -> Hello:
        """Let it go, and hear what it offers."""

    async def call(
        self,
        method: str,
        params: bytes,
        seconds: float,
        context: CallContext | None = None,
        *,
        effect: str = "",
        on_progress: Callable[[float, float, str], None] = ...,
        on_stream: Callable[[Any], None] = ...,
    ) -> bytes:
        """The answer, as JSON."""

    async def ping(self, seconds: float) -> None:
        """Raise ``DeadlineExceeded`` unless it answers."""

    async def stop(self, seconds: float) -> None:
        """Let open calls end, for ``seconds`` at most, and then the process."""

    def kill(self, reason: str) -> None:
        """End it at once."""


MakeProcess = Callable[[Confined, Witness], PluginProcess]
"""Takes over a confined process before it may go."""

"""Where the processes of agents come from, and who hears of what they were refused."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from retinue.bus.errors import CodecError
from retinue.plugins.agents import AgentSpec
from retinue.plugins.port import TurnPort
from retinue.plugins.protocol.rules import Violation
from retinue.plugins.sandbox.cgroups import Exceeded
from retinue.plugins.sandbox.confined import Confined
from retinue.plugins.sandbox.notices import Refused

__all__ = ["Cells", "Door", "Warden"]

Door = Callable[[str, bytes], Coroutine[Any, Any, bytes]]
"""``door(method, params)``: JSON in, JSON out; raises ``Denied`` for what was not granted."""


class Warden(Protocol):
    """Who is told what one agent's process was refused; on the service's thread, never to block."""

    def refused(self, call: Refused) -> None:
        """A system call was refused."""

    def violated(self, error: Violation | CodecError) -> None:
        """The process broke the protocol, and is killed for it."""

    def exceeded(self, bound: Exceeded) -> None:
        """It met a bound on all that it started, and is gone."""


class Cells(Protocol):
    """Starts processes behind walls. Any thread may use it."""

    def starter(self, spec: AgentSpec, memory: int) -> Callable[[], Confined]:
        """What starts the agent's process; it blocks, and raises ``RetinueError``.

        ``memory`` bounds the address space in bytes; 0 does not.
        """

    def warden(self, agent: str) -> Warden:
        """Who is told what the agent's process is refused."""

    def door(self, spec: AgentSpec, port: TurnPort) -> Door:
        """What one turn asks for beyond its port, within what its agent was granted."""

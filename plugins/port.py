"""The port between an agent's turn and the kernel: all that a turn can ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from retinue.bus.messages import EventBody

from .llm.model import ChatModel

__all__ = ["TurnPort"]


class TurnPort(Protocol):
    """One turn's door to the kernel.

    The kernel implements it for agents in its own process, the process host across a pipe,
    and ``retinue.plugins.testing`` without a kernel. ``emit`` and ``cancelled`` may be called
    from any thread; the coroutines run on the loop of whoever implements the port.
    """

    run: str
    task: str
    agent: str
    attempt: int
    deadline: float | None
    """Seconds since the epoch by which the attempt has to end."""
    state: dict[str, Any]
    """What the agent keeps between turns: JSON values; committed when the turn succeeds."""

    @property
    def cancelled(self) -> bool:
        """Whether the turn was told to stop; a turn that goes on is stopped by force."""

    def emit(self, body: EventBody) -> None:
        """Write a step down. Never blocks; order of one turn's steps is kept."""

    async def call(self, tool: str, args: Mapping[str, Any]) -> Any:
        """Call a tool that the agent was given; raises ``UnknownTool``, ``InvalidInput``, ``ToolError``."""

    async def submit(
        self,
        agent: str,
        input: Mapping[str, Any],
        *,
        priority: int | None = None,
        deadline: float | None = None,
        key: str = "",
    ) -> str:
        """Submit a child task and return its id, once committed; ``deadline`` is in seconds."""

    async def result(self, task: str) -> Any:
        """Wait for a child task's result; raises ``TaskFailed`` or ``TaskCancelled``."""

    async def cancel(self, task: str, reason: str) -> None:
        """Cancel a child task and everything under it."""

    def model(self, name: str | None = None) -> ChatModel:
        """The agent's model, or the named one; its calls are written down."""

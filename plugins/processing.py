"""Processors: what calls of tools and turns of agents pass through, and what a plugin may add."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from .agents import AgentSpec
from .tools import Tool

__all__ = [
    "ORDER",
    "AgentProcessor",
    "AgentTurn",
    "Proceed",
    "ProceedTurn",
    "Processor",
    "ToolCall",
]

ORDER = ("validate", "authorise", "limit", "break", "trace", "execute", "record")
"""The kernel's own, the outermost first; ``record`` writes down what ``execute`` came to."""


class ToolCall(Protocol):
    """One call, as processors see it; the arguments are checked, and not to be changed."""

    @property
    def tool(self) -> Tool:
        """What is called."""

    @property
    def checked(self) -> Mapping[str, Any]:
        """The arguments, typed and complete. They may hold secrets."""

    @property
    def principals(self) -> tuple[str, ...]:
        """On whose behalf, as ``agent:x``, the nearest first."""

    @property
    def run(self) -> str:
        """The run, or an empty string."""

    @property
    def task(self) -> str:
        """The task, or an empty string."""


Proceed = Callable[[ToolCall], Awaitable[Any]]
"""The rest of the way; call it once, or not at all, or again for another try."""


class Processor(Protocol):
    """A plugin's own step, after the kernel's step that ``after`` names.

    ``validate``, ``authorise``, ``limit`` and ``break`` come before the call is written down, ``trace``
    after that: what such a processor returns or raises is what is recorded.
    """

    name: str
    after: str

    def applies(self, tool: Tool) -> bool:
        """Whether calls of this tool pass it; asked once a tool, so that others pay nothing."""

    async def process(self, call: ToolCall, proceed: Proceed) -> Any:
        """``return await proceed(call)``, with what is to be done before or after it.

        On the agents' loop: never block.
        """


class AgentTurn(Protocol):
    """One attempt of an agent at a task, as processors see it."""

    @property
    def agent(self) -> AgentSpec:
        """Who works on it."""

    @property
    def input(self) -> Mapping[str, Any]:
        """What it is given, as JSON values; not to be changed. It may hold secrets."""

    @property
    def attempt(self) -> int:
        """Which attempt at the task it is, from 1."""

    @property
    def run(self) -> str:
        """The run."""

    @property
    def task(self) -> str:
        """The task."""


ProceedTurn = Callable[[AgentTurn], Awaitable[Any]]
"""The rest of the way, with the turn itself at its end; it gives the agent's result."""


class AgentProcessor(Protocol):
    """The same around agents' turns. One class may implement both, and be given once.

    A task's input was checked, and its submission authorised, when it was accepted: what stands after
    ``validate`` or ``authorise`` is passed once an attempt begins, before ``limit``. What
    ``process_turn`` returns is the agent's result, what it raises fails the attempt.
    """

    name: str
    after: str

    def applies_to(self, agent: AgentSpec) -> bool:
        """Whether turns of this agent pass it; asked once an agent, so that others pay nothing."""

    async def process_turn(self, call: AgentTurn, proceed: ProceedTurn) -> Any:
        """``return await proceed(call)``, with what is to be done before or after it.

        On the agents' loop, wherever the agent itself runs: never block.
        """

"""Processors: what every call of a tool passes through, and what a plugin may add to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from .tools import Tool

__all__ = ["ORDER", "Proceed", "Processor", "ToolCall"]

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

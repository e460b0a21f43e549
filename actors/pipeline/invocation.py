"""One call of a tool on its way through the pipeline, and on whose behalf it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from retinue.bus.messages import EventBody, ToolReturned
from retinue.plugins import Tool

__all__ = ["Caller", "Invocation", "principals_of", "waiting"]

OPERATOR = ("user:operator",)


class Caller(Protocol):
    """On whose behalf a tool is called.

    One that has ``principals`` is asked by them, as ``agent:x``, and ``via`` names the plugins
    among them, the outermost first; one that has ``waiting(what)``, a
    context manager, is told while its call waits for something.
    """

    run: str
    task: str
    agent: str
    deadline: float | None

    def effect_id(self, tool: str, args: bytes) -> str:
        """The id of the effect that this call has, whichever attempt makes it; or nothing."""

    def answered(self, tool: str, args: bytes) -> ToolReturned | None:
        """The recorded answer that stands for this call; ``None``: it has to be made."""

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the result any more."""

    def emit(self, body: EventBody) -> None:
        """Write a step down."""

    async def told(self, body: EventBody) -> None:
        """Write a step down, and wait until it is committed and observers were told."""


class Invocation:
    """Implements ``ToolCall``. ``body`` is the arguments as JSON, ``public`` without secrets.

    ``effect`` is the id of what a ``once`` tool does, ``call`` joins call and return, ``rule`` is
    what the policy decided by, ``answer`` what was answered before and stands for this call.
    """

    kind = "tools"
    __slots__ = (
        "answer", "body", "call", "caller", "checked", "effect", "public", "push_back",
        "rule", "tool",
    )  # fmt: skip

    def __init__(
        self, caller: Caller, tool: Tool, checked: Mapping[str, Any], body: bytes, public: bytes
    ) -> None:
        self.caller = caller
        self.tool = tool
        self.checked = checked
        self.body = body
        self.public = public
        self.effect = self.call = self.rule = ""
        self.answer: ToolReturned | None = None
        self.push_back: Callable[[float], None] | None = None
        """Told the seconds for which the other side wants to be left alone."""

    @property
    def name(self) -> str:
        """Of the tool."""
        return self.tool.name

    @property
    def whose(self) -> str:
        """The agent that calls, or nothing."""
        return self.caller.agent

    @property
    def principals(self) -> tuple[str, ...]:
        """As ``ToolCall.principals``."""
        return principals_of(self.caller)

    @property
    def run(self) -> str:
        """As ``ToolCall.run``."""
        return self.caller.run

    @property
    def task(self) -> str:
        """As ``ToolCall.task``."""
        return self.caller.task


def principals_of(caller: Caller) -> tuple[str, ...]:
    """On whose behalf, the nearest first; a call from outside any task is the operator's."""
    own: tuple[str, ...] = getattr(caller, "principals", ())
    return own or ((f"agent:{caller.agent}",) if caller.agent else OPERATOR)


def waiting(caller: Caller, what: str) -> AbstractContextManager[None]:
    """While the block runs, the caller's call waits for ``what``."""
    told = getattr(caller, "waiting", None)
    return nullcontext() if told is None else told(what)

"""Trace and record: a call is written down before it is made, and again when it came to an end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from retinue.bus.codec import encode_value
from retinue.bus.errors import DeadlineExceeded, ResultTooLarge, RetinueError, ToolError
from retinue.bus.messages import ToolCalled, ToolReturned
from retinue.plugins import Tool

from ..bounds import check_result
from ..effects import Effect, Effects
from ..secrecy import Secrecy
from ..tool_threads import line_of
from .invocation import Invocation

__all__ = ["Record", "Trace"]

_UNKNOWN = (asyncio.CancelledError, DeadlineExceeded, GeneratorExit, ResultTooLarge)
"""After these a call may have had its effect, and there is no result to give in its place."""

Proceed = Callable[[Invocation], Awaitable[Any]]


class Trace:
    """``tool.called`` is committed, and observers had their chance, before the tool runs."""

    name = "trace"

    def __init__(self, make_id: Callable[[str], str], effects: Effects) -> None:
        """``make_id`` makes the ids that join a call to its return."""
        self._make_id = make_id
        self._effects = effects

    def applies(self, tool: Tool) -> bool:
        """To every call."""
        return True

    def process(self, call: Invocation, proceed: Proceed) -> Awaitable[Any]:
        """Write the call down, then let it go on."""
        call.call = self._make_id("c")
        return self._traced(call, proceed)

    async def _traced(self, call: Invocation, proceed: Proceed) -> Any:
        tool, caller = call.tool, call.caller
        await caller.told(called(call))
        if call.effect:
            begun = Effect(call.effect, caller.task, tool.name, "begun")
            self._effects.note(caller.run, begun)
        return await proceed(call)


class Record:
    """``tool.returned`` says how the call went; what was known of its effect is brought up to date."""

    name = "record"

    def __init__(
        self,
        monotonic: Callable[[], float],
        effects: Effects,
        secrecy: Secrecy,
        result_bytes: int,
    ) -> None:
        """``result_bytes`` bounds what a call gives back, as JSON."""
        self._monotonic = monotonic
        self._effects = effects
        self._secrecy = secrecy
        self._result_bytes = result_bytes

    def applies(self, tool: Tool) -> bool:
        """To every call."""
        return True

    async def process(self, call: Invocation, proceed: Proceed) -> Any:
        """Do the work of the call and write down how it went."""
        started = self._monotonic()
        name, caller = call.tool.name, call.caller
        try:
            result = await proceed(call)
            encoded = encode_value(result, f"the result of {name}")
            check_result(encoded, self._result_bytes, f"tool {name!r}")
        except BaseException as error:
            told = line_of(error, self._secrecy.text)
            self._failed(call, error, told, self._monotonic() - started)
            raise _for_agent(name, error, told) from error
        if call.effect:
            returned = Effect(call.effect, caller.task, name, "returned", encoded)
            self._effects.note(caller.run, returned)
        given = msgspec.json.decode(encoded)
        caller.emit(
            ToolReturned(
                call.call,
                name,
                ok=True,
                seconds=self._monotonic() - started,
                result=msgspec.Raw(encoded),
                summary=_summary(given),
            )
        )
        return given

    def _failed(self, call: Invocation, error: BaseException, told: str, seconds: float) -> None:
        """The error is on one line. Secrets went first: a cut would leave the half of one."""
        name, caller = call.tool.name, call.caller
        unknown = bool(call.effect) and isinstance(error, _UNKNOWN)
        if call.effect and not unknown:
            failed = Effect(call.effect, caller.task, name, "failed")
            self._effects.note(caller.run, failed)
        caller.emit(
            ToolReturned(call.call, name, ok=False, seconds=seconds, error=told, unknown=unknown)
        )


def called(call: Invocation) -> ToolCalled:
    """The event that says that the call begins."""
    tool = call.tool
    args = msgspec.Raw(call.body)
    via = call.principals if getattr(call.caller, "via", ()) else ()
    via += (f"task:{call.task}",) if via and call.task else ()
    return ToolCalled(call.call, tool.name, args, tool.effect, call.effect, call.rule, via)


def _for_agent(name: str, error: BaseException, told: str) -> BaseException:
    """What the agent gets: errors of ours and cancellation as they are, all others as one kind."""
    if isinstance(error, (RetinueError, asyncio.CancelledError)):
        return error
    return ToolError(f"{name}: {told}")


def _summary(result: Any) -> str:
    """How much came back, for people."""
    if isinstance(result, list):
        return f"{len(result)} item{'s' if len(result) != 1 else ''}"
    if isinstance(result, str):
        return f"{len(result)} characters"
    return ""

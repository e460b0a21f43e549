"""Calling a tool: looked up, checked, written down, run within its deadline, written down again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Protocol
from weakref import WeakSet

import msgspec

from retinue.bus.clock import Clock
from retinue.bus.codec import encode_value
from retinue.bus.errors import (
    DeadlineExceeded,
    InvalidInput,
    OutcomeUnknown,
    ResultTooLarge,
    RetinueError,
    ToolError,
    UnknownTool,
)
from retinue.bus.messages import (
    EventBody,
    ToolCalled,
    ToolOutput,
    ToolProgress,
    ToolRecalled,
    ToolReturned,
)
from retinue.plugins import Tool
from retinue.plugins.tools import ToolContext

from .answers import raised, value_of
from .bounds import NO_BOUND, check_result
from .effects import Effect, Effects
from .resumption import unknown_ending
from .secrecy import Secrecy
from .tool_threads import ToolThreads, line_of

__all__ = ["Caller", "Toolbox"]

_UNKNOWN = (asyncio.CancelledError, DeadlineExceeded, GeneratorExit, ResultTooLarge)
"""After these a call may have had its effect, and there is no result to give in its place."""

DEFAULT_TIMEOUT = 120.0
"""Seconds that a call may take when neither the tool nor the turn says less."""


class Caller(Protocol):
    """On whose behalf a tool is called."""

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


class Toolbox:
    """All tools by name. The PluginManager writes it; turns on the agents' loop read it."""

    def __init__(
        self,
        make_id: Callable[[str], str],
        monotonic: Callable[[], float],
        effects: Effects,
        secrecy: Secrecy,
        clock: Clock | None = None,
        result_bytes: int = NO_BOUND,
    ) -> None:
        """``make_id`` makes the ids that join a call to its return; ``clock`` is for the tools.

        ``result_bytes`` bounds what a call gives back, as JSON.
        """
        self._effects = effects
        self._make_id = make_id
        self._monotonic = monotonic
        self._secrecy = secrecy
        self._clock = clock
        self._result_bytes = result_bytes
        self.threads = ToolThreads()
        self.calls = 0
        """How many calls were begun so far."""
        self._tools: dict[str, Tool] = {}
        self._retired: WeakSet[Tool] = WeakSet()

    def add(self, tools: Iterable[Tool]) -> None:
        """Take tools in; raises ``InvalidInput`` when one's name is taken by another tool."""
        for tool in tools:
            known = self._tools.setdefault(tool.name, tool)
            if known is not tool and known.function is not tool.function:
                raise InvalidInput(
                    f"a tool is named {tool.name!r} already: give this one another name"
                )

    def swap(self, old: Iterable[Tool], new: Iterable[Tool]) -> None:
        """Put new tools in the place of old ones; calls that run go on with those.

        Who was given an old tool has the new one of its name from now on. Raises ``InvalidInput``,
        and changes nothing, when a name is taken by somebody else's tool.
        """
        leaving, coming = list(old), list(new)
        names = {tool.name for tool in leaving}
        for tool in coming:
            if tool.name in self._tools and tool.name not in names:
                raise InvalidInput(
                    f"a tool is named {tool.name!r} already: give this one another name"
                )
        self._retired.update(leaving)
        kept = {name: tool for name, tool in self._tools.items() if name not in names}
        self._tools = kept | {tool.name: tool for tool in coming}

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._tools)

    def given(self, wanted: Iterable[str | Tool]) -> dict[str, Tool]:
        """The tools that an agent asks for: its own, and others by name or glob (``files.*``).

        Raises ``UnknownTool`` for a name or glob that fits none.
        """
        tools: dict[str, Tool] = {}
        for want in wanted:
            if isinstance(want, Tool):
                tools[want.name] = want
                continue
            found = [name for name in self.names() if fnmatchcase(name, want)]
            if not found:
                raise UnknownTool(f"no tool matches {want!r}: there are {', '.join(self.names())}")
            tools.update((name, self._tools[name]) for name in found)
        return tools

    async def call(
        self,
        caller: Caller,
        name: str,
        args: Mapping[str, Any],
        given: Mapping[str, Tool] | None = None,
    ) -> Any:
        """Call a tool for an agent that was ``given`` these, or for an operator, who has all."""
        tool = self._find(caller, name, given)
        checked, held = self._secrecy.checked(tool.secrets, args, tool.check)
        if not held:
            return await self._called(caller, tool, args, checked)
        self._secrecy.hold(caller.task, held if caller.task else ())
        with self._secrecy.secrets.held(held):
            return await self._called(caller, tool, args, checked)

    async def _called(
        self, caller: Caller, tool: Tool, args: Mapping[str, Any], checked: Mapping[str, Any]
    ) -> Any:
        """Write the call down, unless its effect took place in an earlier attempt, and make it."""
        name = tool.name
        body = encode_value(dict(args), f"the arguments of {name}")
        once = tool.effect == "once"
        public = self._secrecy.value(body)
        effect = caller.effect_id(name, public) if once else ""
        if effect:
            known = self._effects.find(caller.run, effect)
            if known is not None and known.known != "failed":
                return self._recall(caller, known)
        call = self._make_id("c")
        await caller.told(ToolCalled(call, name, msgspec.Raw(body), tool.effect, effect))
        if effect:
            self._effects.note(caller.run, Effect(effect, caller.task, name, "begun"))
        told = caller.answered(name, public)
        work = self._run(caller, tool, checked, call, effect) if told is None else _again(told)
        return await self._perform(caller, name, work, call, effect)

    def _recall(self, caller: Caller, known: Effect) -> Any:
        """An earlier attempt made this very call: its result is given, and nothing is repeated."""
        if known.known == "begun":
            raise OutcomeUnknown(unknown_ending(known).reason)
        caller.emit(ToolRecalled(known.tool, known.id))
        return msgspec.json.decode(known.result)

    async def _perform(
        self, caller: Caller, name: str, work: Coroutine[Any, Any, Any], call: str, effect: str
    ) -> Any:
        """Do the work of the call and write down how it went."""
        started = self._monotonic()
        try:
            result = await work
            encoded = encode_value(result, f"the result of {name}")
            check_result(encoded, self._result_bytes, f"tool {name!r}")
        except BaseException as error:
            seconds = self._monotonic() - started
            unknown = bool(effect) and isinstance(error, _UNKNOWN)
            if effect and not unknown:
                self._effects.note(caller.run, Effect(effect, caller.task, name, "failed"))
            told = self._line(error)
            caller.emit(
                ToolReturned(call, name, ok=False, seconds=seconds, error=told, unknown=unknown)
            )
            raise _for_agent(name, error, told) from error
        if effect:
            self._effects.note(caller.run, Effect(effect, caller.task, name, "returned", encoded))
        given = msgspec.json.decode(encoded)
        caller.emit(
            ToolReturned(
                call,
                name,
                ok=True,
                seconds=self._monotonic() - started,
                result=msgspec.Raw(encoded),
                summary=_summary(given),
            )
        )
        return given

    def _line(self, error: BaseException) -> str:
        """The error on one line. Secrets go first: a cut would leave the half of one."""
        return line_of(error, self._secrecy.text)

    def _find(self, caller: Caller, name: str, given: Mapping[str, Tool] | None) -> Tool:
        tool = (self._tools if given is None else given).get(name)
        if tool is not None and tool not in self._retired:
            return tool
        if tool is not None and name in self._tools:
            return self._tools[name]
        if name in self._tools:
            raise UnknownTool(
                f"agent {caller.agent!r} was not given the tool {name!r}: add it to its tools"
            )
        there = {*self._tools, *(n for n, t in (given or {}).items() if t not in self._retired)}
        known = ", ".join(sorted(there)) or "none"
        raise UnknownTool(f"no tool is named {name!r}: there are {known}")

    async def _run(
        self, caller: Caller, tool: Tool, checked: Mapping[str, Any], call: str, effect: str
    ) -> Any:
        self.calls += 1
        seconds = tool.timeout or DEFAULT_TIMEOUT
        over = threading.Event()

        def progress(done: float, total: float, note: str) -> None:
            caller.emit(ToolProgress(call, tool.name, done, total, note))

        def stream(value: Any) -> None:
            piece = encode_value(value, f"a piece of the output of {tool.name}")
            caller.emit(ToolOutput(call, tool.name, msgspec.Raw(piece)))

        context = ToolContext(
            progress,
            lambda: over.is_set() or caller.cancelled,
            caller.deadline,
            self._clock,
            effect,
            stream,
            run=caller.run,
            task=caller.task,
            agent=caller.agent,
        )
        work: Awaitable[Any]
        if tool.is_async:
            work = tool.call(checked, context)
        else:
            work = self.threads.call(partial(tool.call, checked, context), f"tool {tool.name}")
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await work
        except TimeoutError:
            if not limit.expired():
                raise
            raise DeadlineExceeded(f"{tool.name} did not return within {seconds:g} s") from None
        finally:
            over.set()


async def _again(told: ToolReturned) -> Any:
    """What a call was answered before."""
    if not told.ok:
        raise raised(told)
    return value_of(told)


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

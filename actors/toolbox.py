"""All tools by name, and the calls that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any
from weakref import WeakSet

import msgspec

from retinue.bus.clock import Clock
from retinue.bus.codec import encode_value
from retinue.bus.errors import InvalidInput, OutcomeUnknown, UnknownTool
from retinue.bus.messages import ToolRecalled
from retinue.plugins import Tool

from .bounds import NO_BOUND
from .effects import Effect, Effects
from .pipeline import Caller, Invocation, Pipeline, Stage
from .pipeline.executing import Execute
from .pipeline.tracing import Record, Trace
from .resumption import unknown_ending
from .secrecy import Secrecy

__all__ = ["Caller", "Toolbox"]


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
        stages: Iterable[Stage] = (),
        execute: Execute | None = None,
    ) -> None:
        """``make_id`` makes the ids that join a call to its return; ``clock`` is for the tools.

        ``result_bytes`` bounds what a call gives back, as JSON. ``stages`` are what a call passes
        before it is written down; ``execute`` does it.
        """
        self._effects = effects
        self._secrecy = secrecy
        self._execute = execute or Execute(monotonic, clock)
        self.threads = self._execute.threads
        record = Record(monotonic, effects, secrecy, result_bytes)
        self.pipeline = Pipeline([*stages, Trace(make_id, effects), record, self._execute])
        """What each call passes."""
        self._tools: dict[str, Tool] = {}
        self._retired: WeakSet[Tool] = WeakSet()

    @property
    def calls(self) -> int:
        """How many calls were begun so far."""
        return self._execute.calls

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
        self.pipeline.forget(leaving)
        kept = {name: tool for name, tool in self._tools.items() if name not in names}
        self._tools = kept | {tool.name: tool for tool in coming}

    def order(self, name: str) -> list[str]:
        """What a call of the tool passes, the outermost first; nothing for one that is not there."""
        tool = self._tools.get(name)
        return [] if tool is None else self.pipeline.order(tool)

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
        """Send a checked call on its way, unless its effect took place in an earlier attempt."""
        name = tool.name
        body = encode_value(dict(args), f"the arguments of {name}")
        call = Invocation(caller, tool, checked, body, self._secrecy.value(body))
        if tool.effect == "once":
            call.effect = caller.effect_id(name, call.public)
            known = self._effects.find(caller.run, call.effect) if call.effect else None
            if known is not None and known.known != "failed":
                return self._recall(caller, known)
        call.answer = caller.answered(name, call.public)
        pipeline = self.pipeline
        way = pipeline.way(tool) if call.answer is None else pipeline.recorded(tool)
        return await way(call)

    def _recall(self, caller: Caller, known: Effect) -> Any:
        """An earlier attempt made this very call: its result is given, and nothing is repeated."""
        if known.known == "begun":
            raise OutcomeUnknown(unknown_ending(known).reason)
        caller.emit(ToolRecalled(known.tool, known.id))
        return msgspec.json.decode(known.result)

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

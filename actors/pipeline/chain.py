"""The stages of a call, put together once a tool or agent: one that does not apply costs nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from retinue.bus.errors import InvalidInput
from retinue.plugins import AgentSpec, Tool
from retinue.plugins.processing import ORDER, AgentProcessor, Processor

from .invocation import Invocation

__all__ = ["Pipeline", "Stage", "TurnWay"]

Way = Callable[[Invocation], Awaitable[Any]]
TurnWay = Callable[[Any], Awaitable[Any]]
"""What a ``TurnInvocation`` passes."""
Added = Processor | AgentProcessor
PLACES = ORDER[: ORDER.index("execute")]
"""After which a plugin's processor may stand."""
MOST_KEPT = 4_096


class Stage(Protocol):
    """One of the kernel's own; as ``Processor``, and ``name`` is in ``ORDER``."""

    name: str

    def applies(self, tool: Tool) -> bool:
        """Whether calls of this tool pass it."""

    def process(self, call: Any, proceed: Any) -> Awaitable[Any]:
        """Do its part around the rest of the way."""


class Pipeline:
    """The way of each tool's calls, and of each agent's turns. ``add`` before or between them.

    A stage that has ``applies_to(agent)`` stands around turns, too; so does an ``AgentProcessor``.
    """

    def __init__(self, stages: Iterable[Stage]) -> None:
        """``stages`` in the order of ``ORDER``; the last one does the call."""
        self._stages = tuple(stages)
        self._added: tuple[Added, ...] = ()
        self._ways: dict[Tool, tuple[Way, Way]] = {}
        self._turns: dict[AgentSpec, TurnWay | None] = {}

    def add(self, processors: Iterable[Added]) -> None:
        """Take in a plugin's processors; raises ``InvalidInput`` for a place or name that is not."""
        added = [*self._added, *processors]
        names = [*ORDER, *(one.name for one in added)]
        for one in added:
            if one.after not in PLACES:
                raise InvalidInput(
                    f"processor {one.name!r} stands after {one.after!r}: name one of {', '.join(PLACES)}"
                )
            if names.count(one.name) > 1:
                raise InvalidInput(f"two processors are named {one.name!r}: rename one")
        self._added = tuple(added)
        self._ways = {}
        self._turns = {}

    def forget(self, tools: Iterable[Tool]) -> None:
        """These are not called any more."""
        for tool in tools:
            self._ways.pop(tool, None)

    def way(self, tool: Tool) -> Way:
        """All that a call of the tool passes."""
        return self._of(tool)[0]

    def recorded(self, tool: Tool) -> Way:
        """The same for a call that was answered before: nothing is decided, and nothing done."""
        return self._of(tool)[1]

    def turn(self, agent: AgentSpec) -> TurnWay | None:
        """All that a turn of the agent passes; ``None`` where that is nothing. Any thread."""
        try:
            return self._turns[agent]
        except KeyError:
            if len(self._turns) >= MOST_KEPT:
                self._turns.clear()
            way = self._turns[agent] = self._turn_of(agent)
            return way

    def turn_order(self, agent: AgentSpec) -> list[str]:
        """The names of what an invocation of the agent passes, the outermost first."""
        own = {stage.name for stage in self._stages if _around_turns(stage, agent)}
        own |= {"validate", "trace", "execute"}
        own |= {stage.name for stage in self._stages} & {"authorise"}
        names: list[str] = []
        for place in (*PLACES, "execute"):
            names += [place] if place in own else []
            names += [one.name for one in self._added if _at_turn(one, place, agent)]
        return [*names, "record"]

    def order(self, tool: Tool) -> list[str]:
        """The names of what a call of the tool passes, the outermost first."""
        names = [
            "validate",
            *(one.name for one in self._added if self._is_at(one, "validate", tool)),
        ]
        for stage in self._stages:
            if stage.applies(tool):
                names.append(stage.name)
            names += [one.name for one in self._added if self._is_at(one, stage.name, tool)]
        # What stands last in the code stands before ``record`` in time.
        return [*(name for name in names if name != "record"), "record"]

    def _of(self, tool: Tool) -> tuple[Way, Way]:
        known = self._ways.get(tool)
        if known is None:
            if len(self._ways) >= MOST_KEPT:
                self._ways.clear()
            known = self._ways[tool] = self._built(tool)
        return known

    def _built(self, tool: Tool) -> tuple[Way, Way]:
        way: Way | None = None
        recorded: Way | None = None
        for stage in reversed(self._stages):
            for one in reversed(self._added):
                if self._is_at(one, stage.name, tool):
                    way = _around(one, way)
            if stage.applies(tool):
                way = _around(stage, way)
                if stage.name in ("trace", "execute", "record"):
                    recorded = _around(stage, recorded)
        for one in reversed(self._added):
            if self._is_at(one, "validate", tool):
                way = _around(one, way)
        if way is None or recorded is None:
            raise InvalidInput("a pipeline needs a stage that does the call")
        return way, recorded

    def _turn_of(self, agent: AgentSpec) -> TurnWay | None:
        steps: list[Any] = []
        for place in PLACES:
            stages = [s for s in self._stages if s.name == place and _around_turns(s, agent)]
            steps += [stage.process for stage in stages]
            added: list[Any] = [one for one in self._added if _at_turn(one, place, agent)]
            steps += [one.process_turn for one in added]
        if not steps:
            return None
        way: TurnWay = _work
        for step in reversed(steps):
            way = _with(step, way)
        return way

    def _is_at(self, processor: Added, place: str, tool: Tool) -> bool:
        # ``record`` is around what follows ``trace``.
        at = "record" if processor.after == "trace" else processor.after
        applies: Callable[[Tool], bool] | None = getattr(processor, "applies", None)
        return at == place and applies is not None and applies(tool)


def _around_turns(stage: Stage, agent: AgentSpec) -> bool:
    applies: Callable[[AgentSpec], bool] | None = getattr(stage, "applies_to", None)
    return applies is not None and applies(agent)


def _at_turn(processor: Added, place: str, agent: AgentSpec) -> bool:
    applies: Callable[[AgentSpec], bool] | None = getattr(processor, "applies_to", None)
    return processor.after == place and applies is not None and applies(agent)


def _work(call: Any) -> Awaitable[Any]:
    working: Awaitable[Any] = call.work()
    return working


def _with(step: Any, rest: TurnWay) -> TurnWay:
    return lambda call: step(call, rest)


def _around(stage: Any, rest: Way | None) -> Way:
    process: Any = stage.process

    def way(call: Invocation) -> Awaitable[Any]:
        again: Awaitable[Any] = process(call, rest)
        return again

    return way

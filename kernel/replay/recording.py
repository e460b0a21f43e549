"""What a journal tells of one run, and of what it was among. Read once; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Literal, TypeAlias

from retinue.actors.past import Origin
from retinue.bus.codec import decode
from retinue.bus.envelope import Event
from retinue.bus.errors import NotFound
from retinue.bus.journal import Filter
from retinue.bus.journal.retold import Retold
from retinue.bus.messages import (
    TELEMETRY,
    TERMINAL_RUN,
    AgentStopped,
    LlmReturned,
    RunStarted,
    TaskSubmitted,
    ToolCalled,
    ToolReturned,
)

from ..asking.source import Source, whole_run

__all__ = ["Producer", "Recording", "producer_of"]

Producer: TypeAlias = Literal["orchestrator", "scheduler", "agent", "turn", "outside"]
"""Who makes an event anew; what comes from ``outside`` is taken as it was recorded."""

CONTEXT = (
    "kernel.started",
    "kernel.stopping",
    "kernel.recovered",
    "agent.spawned",
    "agent.stopped",
    "agent.state",
    "plugin.loaded",
    "plugin.unloaded",
)
_ORCHESTRATOR = frozenset(
    {
        "task.submitted",
        "task.queued",
        "task.attempt_failed",
        "task.cancel_requested",
        "task.succeeded",
        "task.failed",
        "task.cancelled",
        "task.outcome_unknown",
        "run.started",
        *TERMINAL_RUN,
    }
)
_OUTSIDE = ("task.stalled", "agent.failed", "message.", "security.", "approval.", "plugin.")


class Recording:
    """The events of a run, in order, and those around it that it depends on.

    ``events`` are the run's; ``timeline`` has the others' among them: agents that came and went,
    the states that other runs left them with, and the kernel's stops and starts.
    """

    def __init__(
        self,
        run: str,
        events: Iterable[Event],
        context: Iterable[Event],
        changed: frozenset[int] = frozenset(),
    ) -> None:
        """``context`` may hold more than is needed; ``changed`` are events that were made up.

        Raises ``NotFound`` for a run without events.
        """
        self.run = run
        self.changed = changed
        self.events = list(events)
        if not self.events:
            raise NotFound(f"no run {run!r} is in the journal: see `retinue runs list`")
        around = [event for event in context if event.run != run]
        self.last = self.events[-1].seq
        self.timeline = sorted([*self.events, *around], key=lambda event: event.seq)

    @classmethod
    def read(cls, source: Source, run: str) -> Recording:
        """From a journal, or whatever reads like one; raises ``NotFound``."""
        events = whole_run(source, run)
        return cls(run, events, Retold(source).read(0, Filter(types=CONTEXT)))

    @classmethod
    def of(cls, events: Iterable[Event], run: str) -> Recording:
        """From all of a kernel's events, or those that matter of them."""
        every = list(events)
        return cls(
            run,
            (event for event in every if event.run == run and event.type not in TELEMETRY),
            (event for event in every if event.type in CONTEXT),
        )

    @property
    def complete(self) -> bool:
        """Whether the run has ended."""
        return self.events[-1].type in TERMINAL_RUN

    def origin(self, run: str) -> Origin | None:
        """The run that this one went on from, if any."""
        first = self.events[0]
        if first.type != "run.started" or "source" not in first.data:
            return None
        body = decode(first.envelope.body, RunStarted)
        return Origin(body.source, body.at)

    @cached_property
    def submitted(self) -> dict[str, TaskSubmitted]:
        """By task."""
        found = (event for event in self.events if event.type == "task.submitted")
        return {event.task: decode(event.envelope.body, TaskSubmitted) for event in found}

    @cached_property
    def returned(self) -> dict[str, ToolReturned]:
        """The answers of tools, by call."""
        found = (event for event in self.events if event.type == "tool.returned")
        bodies = (decode(event.envelope.body, ToolReturned) for event in found)
        return {body.call: body for body in bodies}

    @cached_property
    def came_back(self) -> dict[str, Event]:
        """The events that tell the answers of tools, by call."""
        found = (event for event in self.events if event.type == "tool.returned")
        return {event.data["call"]: event for event in found}

    @cached_property
    def answered(self) -> dict[str, LlmReturned]:
        """The answers of models, by call."""
        found = (event for event in self.events if event.type == "llm.returned")
        bodies = (decode(event.envelope.body, LlmReturned) for event in found)
        return {body.call: body for body in bodies}

    @cached_property
    def begun(self) -> frozenset[str]:
        """Calls of tools that certainly went ahead: they told how far they are, or came to an end."""
        found = (
            e for e in self.events if e.type in ("tool.progress", "tool.output", "tool.returned")
        )
        return frozenset(event.data["call"] for event in found)

    @cached_property
    def caller(self) -> dict[str, str]:
        """The task whose turn made a call of a tool, by call."""
        found = (event for event in self.events if event.type == "tool.called")
        return {decode(e.envelope.body, ToolCalled).call: e.task for e in found}

    @cached_property
    def mute(self) -> frozenset[str]:
        """Agents that had an answer of a model which was not recorded."""
        return frozenset(
            event.agent
            for event in self.events
            if event.type == "llm.returned"
            and decode(event.envelope.body, LlmReturned).pieces is None
        )

    @cached_property
    def effects(self) -> dict[str, str]:
        """What each tool that was called has for an effect."""
        found = (event for event in self.events if event.type == "tool.called")
        bodies = (decode(event.envelope.body, ToolCalled) for event in found)
        return {body.tool: body.effect for body in bodies}

    def agents(self) -> frozenset[str]:
        """The agents that the run's tasks were for."""
        return frozenset(event.agent for event in self.events if event.agent)

    def stops(self) -> list[tuple[int, str, str]]:
        """Agents that were stopped: when, which, and why."""
        found = (event for event in self.timeline if event.type == "agent.stopped")
        return [(e.seq, e.agent, decode(e.envelope.body, AgentStopped).reason) for e in found]


def producer_of(type: str) -> Producer:
    """Whose decision an event of a run is."""
    if type in _ORCHESTRATOR:
        return "orchestrator"
    if type == "task.scheduled":
        return "scheduler"
    if type in ("task.running", "agent.state"):
        return "agent"
    return "outside" if type.startswith(_OUTSIDE) else "turn"

"""The journal of a replay: what was appended is committed in the order of the record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from retinue.actors.completions import Completions
from retinue.actors.effects import Effects
from retinue.actors.fold import Folded, fold
from retinue.actors.scribe import Committed
from retinue.actors.task_table import TaskTable
from retinue.bus.codec import decode
from retinue.bus.envelope import Event
from retinue.bus.messages import TERMINAL_TASK, AgentState, ToolCalled

from .gates import Gates
from .ledger import Entry
from .recording import Recording
from .world import World

__all__ = ["Commits", "Watched", "state_of"]


class Watched(Completions):
    """Completions that tell whether somebody waits."""

    def is_watched(self, task: str) -> bool:
        """Whether a turn waits for the task."""
        return task in self._futures


class Commits:
    """Implements ``Written``; what follows from a commit waits at the gates, if a turn waits for it."""

    def __init__(self, recording: Recording, gates: Gates, world: World) -> None:
        """Nothing is committed."""
        self.completions = Watched()
        self.states: dict[str, dict[str, Any]] = {}
        self.ends: dict[str, Event] = {}
        self._recording = recording
        self._gates = gates
        self._world = world
        self._committed: list[Event] = []

    def opened(self, task: str, draft: str, call: str) -> None:
        """As ``Written.opened``."""
        self._world.opened(task, draft, call)

    def appended(self, entries: Sequence[Entry], then: Committed | None) -> None:
        """As ``Written.appended``."""
        for entry in entries:
            entry.appended = True
        if then is None:
            return
        follows = _call(then, [entry.event for entry in entries])
        if not entries:
            follows()
        elif entries[0].event.type == "tool.called" and self._world.makes_most_haste(
            entries[0].event.task
        ):
            self._acknowledge(entries[0].event, follows)
        else:
            max(entries, key=lambda entry: entry.index).then.append(follows)

    def commit(self, entry: Entry) -> None:
        """All before it are committed: so is this."""
        event = entry.event
        self._committed.append(event)
        if event.type in TERMINAL_TASK:
            self._ended(event)
        if event.type == "agent.state":
            self.states[event.agent] = state_of(event)
        for follows in entry.then:
            if event.type == "tool.called":
                self._acknowledge(event, follows)
            else:
                follows()

    def folded(self) -> Folded:
        """The state that the committed events tell: what a start of the kernel begins with."""
        folded = Folded(TaskTable(), Effects())
        for event in self._committed:
            fold(folded, event)
        return folded

    def _ended(self, event: Event) -> None:
        self.ends[event.task] = event
        if self.completions.is_watched(event.task):
            parent = self._recording.submitted[event.task].parent
            self._gates.add("result", parent, partial(self.completions.committed, [event]))

    def _acknowledge(self, event: Event, follows: Callable[[], None]) -> None:
        call = decode(event.envelope.body, ToolCalled).call
        self._gates.add("ack", event.task, follows, call)


def state_of(event: Event) -> dict[str, Any]:
    """The state that an ``agent.state`` tells."""
    state: dict[str, Any] = msgspec.json.decode(decode(event.envelope.body, AgentState).state)
    return state


def _call(then: Committed, events: list[Event]) -> Callable[[], None]:
    def follows() -> None:
        then(events)

    return follows

"""What a run looks like now, folded from its events. Pure."""

from __future__ import annotations

from collections import Counter

import msgspec

from retinue.bus.codec import decode
from retinue.bus.envelope import Event
from retinue.bus.errors import CodecError

__all__ = ["Board"]

MAX_NODES = 512
"""Tasks that are shown of a run: the newest."""

_ENDS = ("succeeded", "failed", "cancelled", "outcome_unknown")


class Board:
    """One run's tasks and their states. Used by one thread at a time."""

    TYPES = ("run.*", "task.*")
    """The events that change it."""

    def __init__(self, run: str) -> None:
        """A run of which nothing is known yet."""
        self._run = run
        self._status = "unknown"
        self._started: float | None = None
        self._ended: float | None = None
        self._tasks: dict[str, _Task] = {}
        self.seq = 0
        """The last event that is in it."""

    def take(self, event: Event) -> bool:
        """Take an event in; tells whether it changed anything. Events that were seen change nothing."""
        if event.run != self._run or event.seq <= self.seq:
            return False
        self.seq = event.seq
        noun, _, verb = event.type.partition(".")
        if noun == "run":
            return self._take_run(event, verb)
        return noun == "task" and self._take_task(event, verb)

    def shown(self) -> bytes:
        """The ``state_update`` message."""
        tasks = list(self._tasks.values())
        shown = tasks[-MAX_NODES:]
        return msgspec.json.encode(
            {
                "type": "state_update",
                "state": {
                    "run_id": self._run,
                    "status": self._status,
                    "started": self._started,
                    "ended": self._ended,
                    "tasks": dict(Counter(task.state for task in tasks)),
                    "active_agents": _agents(shown, "running"),
                    "completed_agents": _agents(shown, "succeeded"),
                    "failed_agents": _agents(shown, "failed"),
                    "seq": self.seq,
                },
                "topology": {
                    "nodes": shown,
                    "edges": [{"from": t.parent, "to": t.id} for t in shown if t.parent],
                    "omitted": len(tasks) - len(shown),
                },
            }
        )

    def _take_run(self, event: Event, verb: str) -> bool:
        if verb == "started":
            self._status, self._started = "running", event.time
        else:
            self._status, self._ended = verb, event.time
        return True

    def _take_task(self, event: Event, verb: str) -> bool:
        if verb == "submitted":
            self._tasks[event.task] = _Task(event.task, event.agent, _parent(event))
            return True
        task = self._tasks.get(event.task)
        state = _STATES.get(verb)
        if task is None or state is None:
            return False
        changed = task.state != state
        task.state = state
        if state == "running":
            task.started = event.time
        elif verb in _ENDS:
            task.ended = event.time
        return changed


_STATES = {
    "queued": "queued",
    "scheduled": "scheduled",
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "outcome_unknown": "failed",
}


class _Task(msgspec.Struct):
    id: str
    agent: str
    parent: str
    state: str = "submitted"
    started: float | None = None
    ended: float | None = None


class _Submitted(msgspec.Struct):
    parent: str = ""


def _parent(event: Event) -> str:
    try:
        return decode(event.envelope.body, _Submitted).parent
    except CodecError:
        return ""


def _agents(tasks: list[_Task], state: str) -> list[str]:
    return list(dict.fromkeys(task.agent for task in tasks if task.state == state))

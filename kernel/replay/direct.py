"""What leads to an event and to nothing else: an answer, an acceptance, the choice of a task."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeAlias

from retinue.actors.answers import is_cut_off
from retinue.bus.codec import decode
from retinue.bus.envelope import Event
from retinue.bus.messages import CancelRequested, ToolReturned

from .gates import Gate
from .stage import Stage

__all__ = ["SLACK", "Move", "direct_moves", "endings_given", "is_unanswered", "maker_of", "opened"]

Move: TypeAlias = Callable[[], None]

SLACK = 0.001
"""Seconds that a timer may come early by the clock of the events."""


def direct_moves(stage: Stage, event: Event) -> list[Move] | None:
    """What leads there; empty while that is not ready yet, ``None`` where much else could."""
    direct = _DIRECT.get(event.type)
    return None if direct is None else direct(stage, event)


def maker_of(stage: Stage, event: Event) -> str:
    """The task whose turn asked for what the event tells, or whose step it is."""
    if event.type == "task.submitted":
        return stage.recording.submitted[event.task].parent
    if event.type == "task.cancel_requested":
        return decode(event.envelope.body, CancelRequested).by
    return event.task


def opened(stage: Stage, gates: Iterable[Gate]) -> list[Move]:
    """One move for each gate: open it."""
    return [partial(stage.gates.open, gate) for gate in gates]


def is_unanswered(stage: Stage, gate: Gate) -> bool:
    """Whether the turn would begin a call that the record does not bring to an end."""
    if gate.kind != "ack" or gate.ref in stage.recording.begun:
        return False
    end = stage.ledger.following("orchestrator", gate.task)
    return end is None or end.type != "task.outcome_unknown"


def endings_given(stage: Stage, task: str, end: Event) -> list[Move]:
    """The end of a turn whose code is not here, as the event tells it."""
    ready = stage.stubs.waits(task) and not end.type.startswith("run.")
    return [partial(stage.stubs.end, task, end)] if ready else []


def _submitted(stage: Stage, event: Event) -> list[Move]:
    was = stage.recording.submitted[event.task]
    outside = not was.ordinal  # a program gave it this parent, or a plugin that worked for it
    if outside or stage.is_given(stage.agent_of(was.parent)):
        first = next(e for e in stage.recording.events if e.task == event.task)
        return [partial(stage.couriers.submit, first)]
    return opened(stage, stage.gates.find(["submit"], was.parent, str(was.ordinal))[:1])


def _cancelled(stage: Stage, event: Event) -> list[Move]:
    by = decode(event.envelope.body, CancelRequested).by
    if not by or stage.is_given(stage.agent_of(by)):
        return [partial(stage.couriers.cancel, event)]
    return opened(stage, stage.gates.find(["cancel"], by, event.task))


def _scheduled(stage: Stage, event: Event) -> list[Move]:
    if stage.line.waits(event.task):
        return [partial(stage.couriers.schedule, event)]
    return opened(stage, stage.gates.find(["retry"], event.task))


def _running(stage: Stage, event: Event) -> list[Move]:
    return opened(stage, stage.gates.find(["run"], event.task))


def _state(stage: Stage, event: Event) -> list[Move]:
    """The agent's state is committed at the end of a turn."""
    over = opened(stage, stage.gates.find(["over"], event.task))
    end = stage.ledger.following("orchestrator", event.task)
    return over if over or end is None else endings_given(stage, event.task, end)


def _progress(stage: Stage, event: Event) -> list[Move]:
    held = stage.gates.find(["answer"], ref=event.data["call"])
    return [partial(stage.world.progress, event, gate.message) for gate in held]


def _returned(stage: Stage, event: Event) -> list[Move]:
    body = decode(event.envelope.body, ToolReturned)
    held = [] if is_cut_off(body) else stage.gates.find(["answer"], ref=body.call)
    if held and stage.world.makes_most_haste(event.task):
        held += _at_once(stage, event)
    return opened(stage, held)


def _at_once(stage: Stage, event: Event) -> list[Gate]:
    """Answers to the same turn that came so soon after this one that they may have come together."""
    found = []
    for gate in stage.gates.find(["answer"]):
        other = stage.recording.came_back.get(gate.ref)
        if other is not None and other.task == event.task and other.seq > event.seq:
            soon = other.time <= event.time + SLACK
            if soon and not is_cut_off(stage.recording.returned[gate.ref]):
                found.append((other.seq, gate))
    return [gate for _, gate in sorted(found, key=lambda pair: pair[0])]


_DIRECT: dict[str, Callable[[Stage, Event], list[Move]]] = {
    "run.started": _submitted,
    "task.submitted": _submitted,
    "task.cancel_requested": _cancelled,
    "task.scheduled": _scheduled,
    "task.running": _running,
    "agent.state": _state,
    "tool.progress": _progress,
    "tool.output": _progress,
    "tool.returned": _returned,
}

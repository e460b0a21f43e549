"""What can have led to the recorded event that is next: in the order in which it is tried."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import msgspec

from retinue.actors.answers import is_cut_off
from retinue.bus.codec import decode
from retinue.bus.envelope import Event
from retinue.bus.messages import CancelRequested, ToolProgress, ToolReturned

from .gates import Gate, Kind
from .ledger import Entry
from .stage import Stage

__all__ = ["Move", "hasty_moves", "moves"]

Move: TypeAlias = Callable[[], None]

_GOES_ON: tuple[Kind, ...] = ("begin", "ack", "reply", "result", "piece", "submit", "cancel")
"""What lets a turn go on."""

SLACK = 0.001
"""Seconds that a timer may come early by the clock of the events."""

_FOREIGN = frozenset({"AgentHung", "AgentLoopLost", "ProcessDied", "KernelClosed"})
"""Ends of attempts that were done to a turn, not by it."""


def moves(stage: Stage, entry: Entry) -> list[Move]:
    """The likeliest first; none when nothing in the replay can lead there any more."""
    event = entry.event
    resumed = _open(stage, stage.gates.find(["resume"]))
    if entry.producer == "outside":
        return [partial(stage.take, entry)]
    if resumed and entry.producer != "turn":
        return resumed
    heard = stage.gates.find(["notice"], event.task, event.id)
    if heard:
        return _open(stage, heard)
    if entry.producer == "turn" and stage.is_given(event.agent):
        return [partial(stage.take, entry)]
    direct = _DIRECT.get(event.type)
    if direct is not None:
        return direct(stage, event) or _turn(stage, _maker(stage, event), event)
    if entry.producer == "orchestrator":
        return _decision(stage, event)
    return _turn(stage, event.task, event)


def hasty_moves(stage: Stage, entry: Entry) -> list[Move]:
    """What may happen while turns still run: their calls go ahead, and what is next comes at once."""
    gates = [
        gate
        for gate in stage.gates.find(["begin", "ack", "reply", "submit", "cancel"])
        if stage.world.is_in_haste(gate.task) and _goes_ahead(stage, gate)
    ]
    event = entry.event
    gates += _ending(stage, event) if entry.producer == "orchestrator" else []
    direct = _DIRECT.get(event.type)
    if direct is None or not stage.world.is_in_haste(_maker(stage, event)):
        return _open(stage, gates)
    return _open(stage, gates) + direct(stage, event)


def _ending(stage: Stage, event: Event) -> list[Gate]:
    """What brings a task to its end while turns of others go on."""
    ended = stage.gates.find(["ended"], event.task)
    if ended or event.type != "task.cancelled":
        return ended
    return stage.gates.find(["stop"], event.task) or stage.gates.find(["begin"], event.task)


def _submitted(stage: Stage, event: Event) -> list[Move]:
    was = stage.recording.submitted[event.task]
    if not was.parent or stage.is_given(stage.agent_of(was.parent)):
        first = next(e for e in stage.recording.events if e.task == event.task)
        return [partial(stage.couriers.submit, first)]
    return _open(stage, stage.gates.find(["submit"], was.parent, str(was.ordinal))[:1])


def _cancelled(stage: Stage, event: Event) -> list[Move]:
    by = decode(event.envelope.body, CancelRequested).by
    if not by or stage.is_given(stage.agent_of(by)):
        return [partial(stage.couriers.cancel, event)]
    return _open(stage, stage.gates.find(["cancel"], by, event.task))


def _scheduled(stage: Stage, event: Event) -> list[Move]:
    if stage.line.waits(event.task):
        return [partial(stage.couriers.schedule, event)]
    return _open(stage, stage.gates.find(["retry"], event.task))


def _running(stage: Stage, event: Event) -> list[Move]:
    return _open(stage, stage.gates.find(["run"], event.task))


def _state(stage: Stage, event: Event) -> list[Move]:
    """The agent's state is committed at the end of a turn."""
    end = stage.ledger.following("orchestrator", event.task)
    return [] if end is None else _give(stage, event.task, end)


def _progress(stage: Stage, event: Event) -> list[Move]:
    held = stage.gates.find(["answer"], ref=decode(event.envelope.body, ToolProgress).call)
    return [partial(stage.world.progress, event, gate.message) for gate in held]


def _returned(stage: Stage, event: Event) -> list[Move]:
    body = decode(event.envelope.body, ToolReturned)
    return [] if is_cut_off(body) else _open(stage, stage.gates.find(["answer"], ref=body.call))


_DIRECT: dict[str, Callable[[Stage, Event], list[Move]]] = {
    "run.started": _submitted,
    "task.submitted": _submitted,
    "task.cancel_requested": _cancelled,
    "task.scheduled": _scheduled,
    "task.running": _running,
    "agent.state": _state,
    "tool.progress": _progress,
    "tool.returned": _returned,
}
"""What leads to an event and to nothing else."""


def _maker(stage: Stage, event: Event) -> str:
    """The task whose turn asked for what the event tells, or whose step it is."""
    if event.type == "task.submitted":
        return stage.recording.submitted[event.task].parent
    if event.type == "task.cancel_requested":
        return decode(event.envelope.body, CancelRequested).by
    return event.task


def _decision(stage: Stage, event: Event) -> list[Move]:
    """The end of an attempt or of a task: its turn's, its parents', a deadline's or an operator's."""
    own = stage.gates.find(["ended", "run"], event.task)
    above = [
        gate for task in _above(stage, event.task) for gate in stage.gates.find(["ended"], task)
    ]
    ends = _open(stage, own) + _open(stage, above)
    kind = _kind(event)
    stopped = _open(stage, stage.gates.find(["stop"], event.task))
    foreign = _fail(stage, event, kind)
    given = _give(stage, event.task, event)
    stops = [partial(stage.couriers.stop_agent, name, why) for name, why in _stops(stage, event)]
    if event.type == "task.outcome_unknown":
        ends = _open(stage, stage.gates.find(["ack"], event.task)) + ends
    if kind in _FOREIGN:
        return ends + foreign
    if kind == "AgentStopped":
        return ends + stopped + stops + _turn(stage, event.task, event)
    if event.type == "task.cancelled" or kind == "DeadlineExceeded":
        return (
            ends + stopped + _timers(stage, event) + given + _turn(stage, event.task, event) + stops
        )
    return ends + given + _turn(stage, event.task, event) + foreign


def _turn(stage: Stage, task: str, event: Event) -> list[Move]:
    """What lets the turn of ``task`` go on, or stops it; then what could do so by way of others."""
    going = stage.gates.find(_GOES_ON, task)
    unanswered = [gate for gate in going if _is_unanswered(stage, gate)]
    own = _open(stage, [gate for gate in going if gate not in unanswered])
    stop = _open(stage, stage.gates.find(["stop"], task))
    others = [gate for gate in stage.gates.find([*_GOES_ON, "stop"]) if gate.task != task]
    closing: list[Move] = [stage.close_turns] if stage.closing else []
    early = stage.loop.due()
    timer: list[Move] = [] if early is None else [stage.loop.fire]
    in_time = early is not None and early <= event.time
    first, last = (timer, []) if in_time else ([], timer)
    told, untold = _deadlines(stage, event)
    later = _open(stage, unanswered + others)
    return own + told + first + stop + closing + later + last + untold


def _timers(stage: Stage, event: Event) -> list[Move]:
    """The deadlines that the record speaks of, then the next timer of an agent or a tool."""
    due = stage.loop.due()
    told, _ = _deadlines(stage, event)
    return told + ([stage.loop.fire] if due is not None and due <= event.time else [])


def _deadlines(stage: Stage, event: Event) -> tuple[list[Move], list[Move]]:
    """Deadlines of tasks that may have passed: those that the record speaks of, and others."""
    end = stage.ledger.following("orchestrator", event.task)
    said = event.envelope.body + (b"" if end is None else end.envelope.body)
    gates = [
        gate
        for gate in stage.gates.find(["deadline", "force"])
        if gate.message <= event.time + SLACK and _is_open(stage, gate.task)
    ]
    told = [gate for gate in gates if gate.kind == "deadline" and _tells(said, gate, event)]
    below = {task.id for gate in told for task in stage.table.below(stage.table.tasks[gate.task])}
    sooner = [gate for gate in gates if gate.task in below and _ends_by_its_own(stage, gate)]
    told = [*reversed(sooner), *(gate for gate in told if gate not in sooner)]
    return _open(stage, told), _open(stage, [gate for gate in gates if gate not in told])


def _ends_by_its_own(stage: Stage, gate: Gate) -> bool:
    """Whether a task below one whose deadline passed was ended by its own, a moment before."""
    end = stage.ledger.following("orchestrator", gate.task)
    return gate.kind == "deadline" and end is not None and _tells(end.envelope.body, gate, end)


def _is_open(stage: Stage, task: str) -> bool:
    found = stage.table.tasks.get(task)
    return found is not None and found.open


def _tells(said: bytes, gate: Gate, event: Event) -> bool:
    if b"not done within" not in said:
        return False
    other = f"{gate.task} ended: not done within".encode()
    return other in said or (gate.task == event.task and b" ended: not done" not in said)


def _fail(stage: Stage, event: Event, kind: str) -> list[Move]:
    """The turn came to an end from outside: its process died, it was cut off."""
    working = stage.turns.get(event.task)
    if working is None or working.running is None or not kind:
        return []
    cause = msgspec.json.decode(event.envelope.body).get("cause", "")
    return [partial(working.running.cancel, cause, kind)]


def _give(stage: Stage, task: str, end: Event) -> list[Move]:
    """The end of a turn whose code is not here, as the event tells it."""
    ready = stage.stubs.waits(task) and not end.type.startswith("run.")
    return [partial(stage.stubs.end, task, end)] if ready else []


def _stops(stage: Stage, event: Event) -> list[tuple[str, str]]:
    """The next agent of the run that was stopped, not before this event."""
    concerned = stage.recording.agents()
    later = [(name, why) for seq, name, why in stage.recording.stops() if seq > event.seq]
    return [(name, why) for name, why in later if name in concerned][:1]


def _goes_ahead(stage: Stage, gate: Gate) -> bool:
    """Whether nothing in the record says when the gate was passed, or that it was not."""
    if gate.kind in ("submit", "cancel"):
        return stage.couriers.leaves_no_trace(gate.message)
    return not _is_unanswered(stage, gate)


def _is_unanswered(stage: Stage, gate: Gate) -> bool:
    """Whether the turn would begin a call that the record does not bring to an end."""
    if gate.kind != "ack" or gate.ref in stage.recording.begun:
        return False
    end = stage.ledger.following("orchestrator", gate.task)
    return end is None or end.type != "task.outcome_unknown"


def _open(stage: Stage, gates: list[Gate]) -> list[Move]:
    return [partial(stage.gates.open, gate) for gate in gates]


def _above(stage: Stage, task: str) -> list[str]:
    """Tasks whose end would end this one: none once it is told to end."""
    if not stage.table.is_wanted(task):
        return []
    return [above.id for above in stage.table.lineage(task) if above.id != task]


def _kind(event: Event) -> str:
    if event.type not in ("task.failed", "task.attempt_failed"):
        return ""
    kind: str = msgspec.json.decode(event.envelope.body)["kind"]
    return kind

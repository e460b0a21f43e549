"""What can have led to the recorded event that is next: in the order in which it is tried."""

from __future__ import annotations

from functools import partial

import msgspec

from retinue.bus.envelope import Event

from .direct import SLACK, Move, direct_moves, endings_given, is_unanswered, maker_of, opened
from .gates import Gate, Kind
from .ledger import Entry
from .stage import Stage

__all__ = ["moves"]

_GOES_ON: tuple[Kind, ...] = ("begin", "ack", "reply", "result", "piece", "submit", "cancel")
"""What lets a turn go on."""

_FOREIGN = frozenset({"AgentHung", "AgentLoopLost", "ProcessDied", "KernelClosed"})
"""Ends of attempts that were done to a turn, not by it."""


def moves(stage: Stage, entry: Entry) -> list[Move]:
    """The likeliest first; none when nothing in the replay can lead there any more."""
    event = entry.event
    resumed = opened(stage, stage.gates.find(["resume"]))
    if entry.producer == "outside":
        return [partial(stage.take, entry)]
    if resumed and entry.producer != "turn":
        return resumed
    heard = stage.gates.find(["notice"], event.task, event.id)
    if heard:
        return opened(stage, heard)
    if entry.producer == "turn" and stage.is_given(event.agent):
        return [partial(stage.take, entry)]
    direct = direct_moves(stage, event)
    if direct is not None:
        return direct or _turn(stage, maker_of(stage, event), event)
    if entry.producer == "orchestrator":
        return _decision(stage, event)
    return _turn(stage, event.task, event)


def _decision(stage: Stage, event: Event) -> list[Move]:
    """The end of an attempt or of a task: its turn's, its parents', a deadline's or an operator's."""
    own = stage.gates.find(["over", "ended", "run"], event.task)
    above = [
        gate
        for task in _above(stage, event.task)
        for gate in stage.gates.find(["over", "ended"], task)
    ]
    ends = opened(stage, own) + opened(stage, above)
    kind = _kind(event)
    stopped = opened(stage, stage.gates.find(["stop"], event.task))
    foreign = _fail(stage, event, kind)
    given = endings_given(stage, event.task, event)
    stops = [partial(stage.couriers.stop_agent, name, why) for name, why in _stops(stage, event)]
    if event.type == "task.outcome_unknown":
        ends = opened(stage, stage.gates.find(["ack"], event.task)) + ends
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
    unanswered = [gate for gate in going if is_unanswered(stage, gate)]
    own = opened(stage, [gate for gate in going if gate not in unanswered])
    stop = opened(stage, stage.gates.find(["stop"], task))
    others = [gate for gate in stage.gates.find([*_GOES_ON, "stop"]) if gate.task != task]
    closing: list[Move] = [stage.close_turns] if stage.closing else []
    early = stage.loop.due()
    timer: list[Move] = [] if early is None else [stage.loop.fire]
    in_time = early is not None and early <= event.time
    first, last = (timer, []) if in_time else ([], timer)
    told, untold = _deadlines(stage, event)
    later = opened(stage, unanswered + others)
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
        if gate.message <= event.time + SLACK and _isopened(stage, gate.task)
    ]
    told = [gate for gate in gates if gate.kind == "deadline" and _tells(said, gate, event)]
    below = {task.id for gate in told for task in stage.table.below(stage.table.tasks[gate.task])}
    sooner = [gate for gate in gates if gate.task in below and _ends_by_its_own(stage, gate)]
    told = [*reversed(sooner), *(gate for gate in told if gate not in sooner)]
    return opened(stage, told), opened(stage, [gate for gate in gates if gate not in told])


def _ends_by_its_own(stage: Stage, gate: Gate) -> bool:
    """Whether a task below one whose deadline passed was ended by its own, a moment before."""
    end = stage.ledger.following("orchestrator", gate.task)
    return gate.kind == "deadline" and end is not None and _tells(end.envelope.body, gate, end)


def _isopened(stage: Stage, task: str) -> bool:
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


def _stops(stage: Stage, event: Event) -> list[tuple[str, str]]:
    """The next agent of the run that was stopped, not before this event."""
    concerned = stage.recording.agents()
    later = [(name, why) for seq, name, why in stage.recording.stops() if seq > event.seq]
    return [(name, why) for name, why in later if name in concerned][:1]


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

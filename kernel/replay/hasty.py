"""What may happen in a replay while turns still run: nothing in the record says that it waited."""

from __future__ import annotations

from retinue.bus.envelope import Event

from .direct import Move, direct_moves, is_unanswered, maker_of, opened
from .gates import Gate
from .ledger import Entry
from .stage import Stage

__all__ = ["hasty_moves"]


def hasty_moves(stage: Stage, entry: Entry) -> list[Move]:
    """What may happen while turns still run: their calls go ahead, and what is next comes at once."""
    gates = [
        gate
        for gate in stage.gates.find(["begin", "ack", "reply", "submit", "cancel"])
        if stage.world.is_in_haste(gate.task) and _goes_ahead(stage, gate)
    ]
    event = entry.event
    gates += _ending(stage, event) if entry.producer == "orchestrator" else []
    ahead = opened(stage, gates)
    if not stage.world.is_in_haste(maker_of(stage, event)):
        return ahead
    return ahead + (direct_moves(stage, event) or [])


def _ending(stage: Stage, event: Event) -> list[Gate]:
    """What brings a task to its end while turns of others go on."""
    ended = stage.gates.find(["over", "ended"], event.task)
    if ended or event.type != "task.cancelled":
        return ended
    return stage.gates.find(["stop"], event.task) or stage.gates.find(["begin"], event.task)


def _goes_ahead(stage: Stage, gate: Gate) -> bool:
    """Whether nothing in the record says when the gate was passed, or that it was not."""
    if gate.kind in ("submit", "cancel"):
        return stage.couriers.leaves_no_trace(gate.message)
    return not is_unanswered(stage, gate)

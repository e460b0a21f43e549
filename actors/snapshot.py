"""A snapshot: what a fold gave, as bytes, so that the next start folds only what came after.

It is a cache: a snapshot that cannot be read, or is of another version, is the same as none.
"""

from __future__ import annotations

from typing import Any

import msgspec

from retinue.bus.elements import Element, Pile, Progression
from retinue.plugins.manifest.model import Grant

from .approvals import Approval, Approvals
from .effects import Effect, Effects
from .fold import AgentRecord, Folded
from .past import Origin
from .task_table import TaskTable
from .tasks import Run, Task

__all__ = ["VERSION", "freeze", "thaw"]

VERSION = 6
"""Goes up with every change of what is folded: an older snapshot is then folded anew."""


class Snapshot(msgspec.Struct):
    """``Folded`` in plain structures."""

    version: int
    seq: int
    clean: bool
    tasks: list[Task]
    runs: list[Run]
    tally: dict[str, dict[str, int]]
    effects: list[tuple[str, Effect]]
    states: dict[str, Any]
    agents: dict[str, AgentRecord]
    calls: dict[str, str]
    due: dict[str, float]
    pile: bytes
    progressions: list[bytes]
    origins: dict[str, Origin] = {}
    grants: dict[str, Grant] = {}
    approvals: list[Approval] = []
    hosted: dict[str, str] = {}


def freeze(folded: Folded) -> bytes:
    """The state as bytes; call it before anything else uses ``folded``."""
    return msgspec.json.encode(
        Snapshot(
            VERSION,
            folded.seq,
            folded.clean,
            list(folded.table.tasks.values()),
            list(folded.table.runs.values()),
            folded.table.tallies(),
            folded.effects.all(),
            folded.states,
            folded.agents,
            folded.calls,
            folded.due,
            folded.pile.to_bytes(),
            [progression.to_bytes() for progression in folded.progressions.values()],
            folded.origins,
            folded.grants,
            folded.approvals.all(),
            folded.hosted,
        )
    )


def thaw(data: bytes, keep: int) -> Folded | None:
    """What ``freeze`` was given, keeping ``keep`` ended tasks; ``None`` when it cannot be used."""
    try:
        snapshot = msgspec.json.decode(data, type=Snapshot)
    except msgspec.DecodeError:
        return None
    if snapshot.version != VERSION:
        return None
    effects = Effects()
    for run, effect in snapshot.effects:
        effects.note(run, effect)
    progressions = [Progression.from_bytes(one) for one in snapshot.progressions]
    return Folded(
        TaskTable.of(snapshot.tasks, snapshot.runs, snapshot.tally, keep),
        effects,
        snapshot.states,
        Pile.from_bytes(snapshot.pile, Element),
        {progression.id: progression for progression in progressions},
        snapshot.agents,
        snapshot.calls,
        snapshot.due,
        snapshot.seq,
        snapshot.clean,
        snapshot.origins,
        snapshot.grants,
        Approvals(snapshot.approvals),
        snapshot.hosted,
    )

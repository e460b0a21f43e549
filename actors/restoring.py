"""From a checkpoint back to the state that it stands for, and what is forgotten with its events. Pure."""

from __future__ import annotations

from retinue.bus.journal.checkpoints import Checkpoint

from .effects import Effects
from .fold import Folded, fold
from .task_table import TaskTable

__all__ = ["forget_with", "restored"]


def restored(checkpoint: Checkpoint | None, keep: int) -> Folded:
    """The state at ``checkpoint.until``; without one, that before the first event.

    ``keep`` counts ended tasks.
    """
    folded = Folded(TaskTable(keep), Effects())
    if checkpoint is not None:
        for event in checkpoint.events:
            fold(folded, event)
        folded.table.count(checkpoint.counts)
        folded.seq = checkpoint.until
    return folded


def forget_with(folded: Folded, checkpoint: Checkpoint) -> None:
    """Have a state that was folded from more events know no more than the checkpoint tells.

    So what is known does not depend on which snapshot was there.
    """
    told = {event.task for event in checkpoint.events if event.type == "task.submitted"}
    gone = [run.id for run in folded.table.runs.values() if 0 < run.over <= checkpoint.until]
    for run in gone:
        folded.table.forget(run, told)

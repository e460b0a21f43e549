"""The tasks that a journal tells of, as a running kernel would show them. Pure."""

from __future__ import annotations

from retinue.actors.effects import Effects
from retinue.actors.fold import Folded, fold
from retinue.actors.task_table import TaskTable
from retinue.actors.tasks import ENDED_STATES, OPEN_STATES, Task, task_view
from retinue.bus.errors import InvalidInput
from retinue.bus.journal import Filter
from retinue.bus.journal.retold import Retold
from retinue.bus.views import TaskView

from .source import Source

__all__ = ["STATES", "tasks_of"]

STATES = (*OPEN_STATES, *ENDED_STATES)
_DOWN = "the kernel, which is not running"


def tasks_of(
    source: Source,
    state: str | None = None,
    agent: str | None = None,
    run: str | None = None,
    limit: int = 100,
    keep: int = 100_000,
) -> list[TaskView]:
    """Tasks that match all that is given, newest first; the ``keep`` newest ended ones are known."""
    if state is not None and state not in STATES:
        raise InvalidInput(f"no task has the state {state!r}: use one of {', '.join(STATES)}")
    folded = Folded(TaskTable(keep), Effects())
    for event in Retold(source).read(0, Filter(run=run or "", types=("task.*",))):
        if event.type != "task.submitted" or _has_parent(folded, event.data.get("parent", "")):
            fold(folded, event)
    found = [
        task
        for task in reversed(list(folded.table.tasks.values()))
        if (state is None or task.state == state) and (agent is None or task.agent == agent)
    ]
    return [_view(task) for task in found[:limit]]


def _has_parent(folded: Folded, parent: str) -> bool:
    """A child whose parent was trimmed away, or ended too long ago, has nowhere to stand."""
    return not parent or parent in folded.table.tasks


def _view(task: Task) -> TaskView:
    return task_view(task, _DOWN if task.open else "")

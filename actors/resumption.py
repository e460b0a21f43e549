"""What becomes of the tasks that an earlier start of the kernel left open. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from .effects import Effect, Effects
from .task_table import TaskTable
from .tasks import Ending, Task

__all__ = ["Resumed", "plan", "unknown_ending"]

What = Literal["end", "interrupted", "wait", "run"]


class Resumed(msgspec.Struct, frozen=True):
    """One open task and what to do with it.

    ``end`` it, try it again because it was ``interrupted``, ``run`` it, or let it ``wait`` for
    ``delay`` seconds of its back-off first.
    """

    task: Task
    what: What
    ending: Ending | None = None
    delay: float = 0.0


def plan(table: TaskTable, effects: Effects, due: Mapping[str, float], now: float) -> list[Resumed]:
    """What becomes of every open task, in the order in which it is to be carried out.

    First those that end, children before their parents, so that no end cancels what has one of
    its own; then the others, the longest waiting first.
    """
    decided = [
        _decide(task, effects.unknown(task.run, task.id), due, now)
        for task in table.tasks.values()
        if task.open
    ]
    ends = [one for one in decided if one.what == "end"]
    return [*reversed(ends), *(one for one in decided if one.what != "end")]


def unknown_ending(effect: Effect) -> Ending:
    """The end of a task whose effect may or may not have taken place."""
    return Ending(
        "outcome_unknown",
        "OutcomeUnknown",
        f"{effect.tool} was begun and nobody knows whether it took place (effect {effect.id}): "
        "look there, then retry the task or leave it",
    )


_SECRET_LOST = Ending(
    "failed",
    "SecretLost",
    "its input holds a secret, which is only kept in memory, and the kernel that had it ended: "
    "submit it again",
)


def _decide(task: Task, unknown: Effect | None, due: Mapping[str, float], now: float) -> Resumed:
    if task.ending is not None:
        return Resumed(task, "end", task.ending)
    if unknown is not None:
        return Resumed(task, "end", unknown_ending(unknown))
    if task.withheld:
        return Resumed(task, "end", _SECRET_LOST)
    if task.state in ("scheduled", "running"):
        return Resumed(task, "interrupted")
    delay = due.get(task.id, 0.0) - now
    if delay > 0:
        return Resumed(task, "wait", delay=delay)
    return Resumed(task, "run")

"""What the state of a task or run says as a message. Pure."""

from __future__ import annotations

import msgspec

from retinue.bus.messages import (
    EventBody,
    RunCancelled,
    RunFailed,
    RunSucceeded,
    RunTask,
    TaskCancelled,
    TaskFailed,
    TaskOutcomeUnknown,
    TaskSubmitted,
    TaskSucceeded,
)

from .tasks import Run, Task

__all__ = ["run_end", "submitted", "task_end", "work"]


def submitted(task: Task) -> TaskSubmitted:
    """The task is accepted."""
    return TaskSubmitted(
        task.input,
        task.priority,
        task.deadline,
        task.key,
        task.parent,
        task.attempts,
        task.attempt_timeout,
        task.fairness,
        task.ordinal,
        task.withheld,
    )


def work(task: Task) -> RunTask:
    """What the Scheduler and the agent need to know of the next attempt."""
    return RunTask(
        task.input,
        task.attempt,
        task.priority,
        task.fairness,
        task.since,
        task.attempt_timeout,
        task.deadline,
        task.place,
    )


def task_end(task: Task, now: float) -> EventBody:
    """The task has ended."""
    seconds = max(0.0, now - task.submitted)  # the wall clock may have been set back
    if task.state == "succeeded":
        return TaskSucceeded(msgspec.Raw(task.result), task.attempt, seconds)
    if task.state == "failed":
        return TaskFailed(task.kind, task.error, task.attempt, seconds)
    if task.state == "outcome_unknown":
        return TaskOutcomeUnknown(task.error, seconds)
    return TaskCancelled(task.error, seconds)


def run_end(run: Run, root: Task, now: float) -> EventBody:
    """The run has ended as its root task did."""
    seconds = max(0.0, now - run.started)
    if root.state == "succeeded":
        return RunSucceeded(seconds)
    if root.state in ("failed", "outcome_unknown"):
        return RunFailed(f"{root.kind}: {root.error}", seconds)
    return RunCancelled(root.error, seconds)

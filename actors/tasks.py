"""Tasks and runs as the Orchestrator keeps them. No I/O, no clock."""

from __future__ import annotations

from typing import Any

import msgspec

from retinue.bus.views import RunView, TaskView

__all__ = ["Ending", "Run", "Task", "backoff"]

OPEN_STATES = ("submitted", "queued", "scheduled", "running")
ENDED_STATES = ("succeeded", "failed", "cancelled", "outcome_unknown")


class Ending(msgspec.Struct, frozen=True, gc=False):
    """How a task is going to end, decided while it still runs: by a cancel or a deadline."""

    state: str
    kind: str
    reason: str


class Task(msgspec.Struct, gc=False):
    """One task; ``cause`` is the id of the last event about it, the next one's cause.

    ``since`` is when it began to wait for the Scheduler, in seconds since the epoch: when it was
    queued, or when its back-off ends. ``withheld``: its input holds secrets, which the journal does
    not. ``digest`` is of the input as it is written down.
    """

    id: str
    run: str
    agent: str
    parent: str
    input: msgspec.Raw
    priority: int
    fairness: str
    key: str
    attempts: int
    attempt_timeout: float | None
    deadline: float | None
    submitted: float
    trace: str = ""
    state: str = "submitted"
    attempt: int = 1
    cause: str = ""
    started: float | None = None
    ended: float | None = None
    ending: Ending | None = None
    delayed: bool = False
    kind: str = ""
    error: str = ""
    result: bytes = b"null"
    children: list[str] | None = None
    ordinal: int = 0
    digest: bytes = b""
    spared: int = 0
    place: str = ""
    since: float = 0.0
    withheld: bool = False

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None


class Run(msgspec.Struct, gc=False):
    """A root task and all below it; ``open`` counts those that have not ended.

    ``told`` says that its last event is written; ``over`` is its ``seq``, known to a fold alone.
    """

    id: str
    root: str
    started: float
    open: int = 0
    tasks: int = 0
    state: str = "running"
    ended: float | None = None
    told: bool = False
    over: int = 0


def backoff(attempt: int, jitter: float, base: float = 0.1, most: float = 30.0) -> float:
    """Seconds to wait before the attempt after ``attempt``; ``jitter`` is random in [0, 1).

    Doubles from ``base`` up to ``most``, then takes between half and the whole of that, so that
    tasks that failed together do not come back together.
    """
    span = min(most, base * 2.0 ** min(attempt - 1, 30))
    return span * (0.5 + 0.5 * jitter)


def task_view(task: Task, waiting_for: str = "") -> TaskView:
    """What others may see of a task, its result decoded."""
    done = task.state == "succeeded"
    return TaskView(
        task.id,
        task.run,
        task.agent,
        task.state,
        task.priority,
        task.parent,
        task.attempt,
        task.submitted,
        task.started,
        task.ended,
        task.deadline,
        waiting_for,
        f"{task.kind}: {task.error}" if task.kind else task.error,
        _decoded(task.result) if done else None,
    )


def run_view(run: Run, root: Task) -> RunView:
    """What others may see of a run."""
    return RunView(
        run.id, run.root, root.agent, run.state, run.tasks, run.open, run.started, run.ended
    )


def _decoded(body: bytes) -> Any:
    return msgspec.json.decode(body)

"""Tasks and runs as the Orchestrator keeps them, and its decisions about them. No I/O, no clock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from retinue.bus.errors import NotFound
from retinue.bus.views import RunView, TaskView

__all__ = ["Ending", "Run", "Task", "TaskTable", "backoff"]

OPEN_STATES = ("submitted", "queued", "scheduled", "running")
ENDED_STATES = ("succeeded", "failed", "cancelled", "outcome_unknown")


class Ending(msgspec.Struct, frozen=True, gc=False):
    """How a task is going to end, decided while it still runs: by a cancel or a deadline."""

    state: str
    kind: str
    reason: str


class Task(msgspec.Struct):
    """One task; ``cause`` is the id of the last event about it, the next one's cause."""

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

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None


class Run(msgspec.Struct):
    """A root task and all below it; ``open`` counts those that have not ended.

    ``told`` says that its last event is written.
    """

    id: str
    root: str
    started: float
    open: int = 0
    tasks: int = 0
    state: str = "running"
    ended: float | None = None
    told: bool = False


class TaskTable:
    """All open tasks, and the newest ``keep`` ended ones. One thread writes; any may read views."""

    def __init__(self, keep: int = 100_000) -> None:
        """``keep`` counts ended tasks."""
        self.tasks: dict[str, Task] = {}
        self.runs: dict[str, Run] = {}
        self.keys: dict[str, str] = {}
        self.ordinals: dict[tuple[str, int], str] = {}
        self.open = 0
        self._keep = keep
        self._ended: dict[str, None] = {}
        self._counts = dict.fromkeys((*OPEN_STATES, *ENDED_STATES), 0)
        self._tally: dict[str, dict[str, int]] = {}

    def find(self, task: str) -> Task:
        """The task; raises ``NotFound`` for one that never was, or ended too long ago."""
        try:
            return self.tasks[task]
        except KeyError:
            raise NotFound(
                f"no task {task!r}: see `retinue tasks list` for those that are known"
            ) from None

    def find_run(self, run: str) -> Run:
        """The run; raises ``NotFound`` like ``find``."""
        try:
            return self.runs[run]
        except KeyError:
            raise NotFound(
                f"no run {run!r}: see `retinue runs list` for those that are known"
            ) from None

    def root_of(self, task_or_run: str) -> Task:
        """The task of that id, or the root task of the run of that id."""
        run = self.runs.get(task_or_run)
        return self.find(run.root if run else task_or_run)

    def add(self, task: Task) -> bool:
        """Take a new task in; returns whether it begins a run."""
        self.tasks[task.id] = task
        self._counts[task.state] += 1
        self._of(task.agent)[task.state] += 1
        self.open += 1
        if task.key:
            self.keys[task.key] = task.id
        run = self.runs.get(task.run)
        first = run is None
        if run is None:
            run = self.runs[task.run] = Run(task.run, task.id, task.submitted)
        run.open += 1
        run.tasks += 1
        task.place = task.id
        if task.parent:
            parent = self.tasks[task.parent]
            if task.ordinal:
                task.place = f"{parent.place}/{task.ordinal}"
            if parent.children is None:
                parent.children = []
            parent.children.append(task.id)
            if task.ordinal:
                task.digest = _digest(task.input)
                self.ordinals[task.parent, task.ordinal] = task.id
        return first

    def taken_up(self, parent: str, ordinal: int, agent: str, input: msgspec.Raw) -> Task | None:
        """The child that an earlier attempt submitted at this place, if it is or may still be good."""
        found = self.tasks.get(self.ordinals.get((parent, ordinal), ""))
        if found is None or found.agent != agent or found.digest != _digest(input):
            return None
        good = found.state in ("succeeded", "outcome_unknown")
        good = good or (found.open and found.ending is None)
        return found if good else None

    def move(self, task: Task, state: str) -> None:
        """Give an open task another open state."""
        counts, tally = self._counts, self._of(task.agent)
        counts[task.state] -= 1
        counts[state] += 1
        tally[task.state] -= 1
        tally[state] += 1
        task.state = state

    def end(self, task: Task, state: str, now: float) -> Run | None:
        """End an open task; returns its run when that was the run's last open task."""
        self.move(task, state)
        task.ended = now
        task.input = _NO_INPUT
        for child in task.children or ():
            known = self.tasks.get(child)
            if known is not None:
                self.ordinals.pop((task.id, known.ordinal), None)
        self.open -= 1
        self._ended[task.id] = None
        run = self.runs[task.run]
        run.open -= 1
        if run.open == 0:
            run.state, run.ended = self.tasks[run.root].state, now
        if len(self._ended) > self._keep:
            self._forget()
        return run if run.open == 0 else None

    def below(self, task: Task) -> Iterator[Task]:
        """The open tasks under this one, parents before children."""
        for child in task.children or ():
            found = self.tasks.get(child)
            if found is not None:
                if found.open:
                    yield found
                yield from self.below(found)

    def lineage(self, task: str) -> Iterator[Task]:
        """The task, its parent, and so on up to the root."""
        found = self.tasks.get(task)
        while found is not None:
            yield found
            found = self.tasks.get(found.parent)

    def counts(self) -> dict[str, int]:
        """Tasks by state; those that ended are counted since the start."""
        return dict(self._counts)

    def tally(self, agent: str) -> dict[str, int]:
        """The agent's tasks by state; those that ended are counted since the start."""
        return dict(self._of(agent))

    def _of(self, agent: str) -> dict[str, int]:
        try:
            return self._tally[agent]
        except KeyError:
            return self._tally.setdefault(agent, dict.fromkeys((*OPEN_STATES, *ENDED_STATES), 0))

    def _forget(self) -> None:
        """Drop the longest ended task whose run is over, with its key."""
        for oldest in self._ended:
            task = self.tasks[oldest]
            run = self.runs[task.run]
            if run.open:
                continue
            del self._ended[oldest], self.tasks[oldest]
            if self.keys.get(task.key) == task.id:
                del self.keys[task.key]
            run.tasks -= 1
            if run.tasks == 0:
                del self.runs[task.run]
            return


_NO_INPUT = msgspec.Raw(b"null")


def _digest(input: msgspec.Raw) -> bytes:
    return hashlib.blake2s(input, digest_size=8).digest()


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

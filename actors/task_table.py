"""All tasks and runs that the kernel knows. No I/O, no clock."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Self

import msgspec

from retinue.bus.errors import NotFound

from .order import Order
from .tasks import ENDED_STATES, OPEN_STATES, Run, Task

__all__ = ["TaskTable", "digest_of"]


class TaskTable:
    """All open tasks, and the newest ``keep`` ended ones. One thread writes; any may read views."""

    def __init__(self, keep: int = 100_000) -> None:
        """``keep`` counts ended tasks."""
        self.tasks: dict[str, Task] = {}
        self.runs: dict[str, Run] = {}
        self.keys: dict[str, str] = {}
        self.ordinals: dict[tuple[str, int], str] = {}
        self.open = 0
        self.open_runs = 0
        self._keep = keep
        self._order = Order()
        self._run_order = Order()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._tally: dict[str, dict[str, int]] = {}

    @classmethod
    def of(
        cls,
        tasks: Iterable[Task],
        runs: Iterable[Run],
        tally: Mapping[str, Mapping[str, int]],
        keep: int,
    ) -> Self:
        """A table of what another one held; ``tally`` is that one's ``tallies``."""
        table = cls(keep)
        table.runs = {run.id: run for run in runs}
        table.open_runs = sum(run.ended is None for run in table.runs.values())
        table._run_order = Order(table.runs)
        for task in tasks:
            table.tasks[task.id] = task
            if task.key:
                table.keys[task.key] = task.id
            parent = table.tasks.get(task.parent)
            if task.ordinal and parent is not None and parent.open:
                table.ordinals[task.parent, task.ordinal] = task.id
            if task.open:
                table.open += 1
        table._order = Order(table.tasks)
        for task in sorted(table.tasks.values(), key=lambda task: task.ended or 0.0):
            if not task.open:
                table._ended[task.id] = None
        table._tally = {agent: dict(counts) for agent, counts in tally.items()}
        return table

    def tallies(self) -> dict[str, dict[str, int]]:
        """Tasks by agent and state."""
        return {agent: dict(counts) for agent, counts in self._tally.items()}

    def find(self, task: str) -> Task:
        """The task; raises ``NotFound`` for one that never was, or ended too long ago."""
        try:
            return self.tasks[task]
        except KeyError:
            raise NotFound(
                f"no task {task!r}: see `retinue tasks list` for those that are known"
            ) from None

    def is_wanted(self, task: str) -> bool:
        """Whether the task has not ended, and was not told to."""
        found = self.tasks.get(task)
        return found is not None and found.ended is None and found.ending is None

    def find_run(self, run: str) -> Run:
        """The run; raises ``NotFound`` like ``find``."""
        try:
            return self.runs[run]
        except KeyError:
            raise NotFound(
                f"no run {run!r}: see `retinue runs list` for those that are known"
            ) from None

    def newest(self, before: str | None = None) -> Iterator[Task]:
        """All tasks, newest first, or those that are older than one; raises ``NotFound`` for that."""
        if before is not None:
            self.find(before)
        return filter(None, map(self.tasks.get, self._order.newest(before)))

    def newest_runs(self, before: str | None = None) -> Iterator[Run]:
        """The same for runs."""
        if before is not None:
            self.find_run(before)
        return filter(None, map(self.runs.get, self._run_order.newest(before)))

    def root_of(self, task_or_run: str) -> Task:
        """The task of that id, or the root task of the run of that id."""
        run = self.runs.get(task_or_run)
        return self.find(run.root if run else task_or_run)

    def add(self, task: Task) -> bool:
        """Take a new task in; returns whether it begins a run."""
        self.tasks[task.id] = task
        self._order.add(task.id)
        self._of(task.agent)[task.state] += 1
        self.open += 1
        if task.key:
            self.keys[task.key] = task.id
        run = self.runs.get(task.run)
        first = run is None
        if run is None:
            run = self.runs[task.run] = Run(task.run, task.id, task.submitted)
            self._run_order.add(task.run)
            self.open_runs += 1
        run.open += 1
        run.tasks += 1
        task.place = task.id
        parent = self.tasks.get(task.parent)
        if parent is not None:
            if task.ordinal:
                task.place = f"{parent.place}/{task.ordinal}"
            if parent.children is None:
                parent.children = []
            parent.children.append(task.id)
            if task.ordinal:
                task.digest = task.digest or digest_of(task.input)
                self.ordinals[task.parent, task.ordinal] = task.id
        return first

    def taken_up(self, parent: str, ordinal: int, agent: str, input: bytes) -> Task | None:
        """The child that an earlier attempt submitted at this place, if it is or may still be good."""
        found = self.tasks.get(self.ordinals.get((parent, ordinal), ""))
        if found is None or found.agent != agent or found.digest != digest_of(input):
            return None
        good = found.state in ("succeeded", "outcome_unknown")
        good = good or (found.open and found.ending is None)
        return found if good else None

    def move(self, task: Task, state: str) -> None:
        """Give an open task another open state."""
        tally = self._of(task.agent)
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
            self.open_runs -= run.ended is None
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

    def forget(self, run: str, keep: Collection[str]) -> None:
        """Drop the tasks of a run that is over, with their keys, but for those in ``keep``.

        A run that is open, or not known, is left as it is; counts are not changed.
        """
        found = self.runs.get(run)
        if found is None or found.open:
            return
        waiting = [found.root]
        while waiting:
            task = self.tasks.get(waiting.pop())
            if task is None:
                continue
            waiting += task.children or ()
            if task.id not in keep:
                self._drop(task)
            elif task.children:
                task.children = [child for child in task.children if child in keep] or None

    def count(self, ended: Mapping[str, Mapping[str, int]]) -> None:
        """Count tasks that ended before what this table knows, by agent and state."""
        for agent, states in ended.items():
            tally = self._of(agent)
            for state, number in states.items():
                tally[state] += number

    def counts(self) -> dict[str, int]:
        """Tasks by state; those that ended are counted since the start."""
        counts = dict.fromkeys((*OPEN_STATES, *ENDED_STATES), 0)
        for tally in list(self._tally.values()):
            for state, number in tally.items():
                counts[state] += number
        return counts

    def tally(self, agent: str) -> dict[str, int]:
        """The agent's tasks by state; those that ended are counted since the start."""
        return dict(self._of(agent))

    def _of(self, agent: str) -> dict[str, int]:
        try:
            return self._tally[agent]
        except KeyError:
            return self._tally.setdefault(agent, dict.fromkeys((*OPEN_STATES, *ENDED_STATES), 0))

    def _forget(self) -> None:
        """Drop the longest ended tasks, with their keys; those whose run is not over go to the end.

        Looks at a few only, so that a long run with many ended tasks does not make each end slow.
        """
        for _ in range(_LOOKS):
            if len(self._ended) <= self._keep:
                return
            task = self.tasks[next(iter(self._ended))]
            if self.runs[task.run].open:
                self._ended.move_to_end(task.id)
            else:
                self._drop(task)

    def _drop(self, task: Task) -> None:
        """The record of an ended task, and its run's with the last of them."""
        del self.tasks[task.id]
        self._order.drop(task.id)
        self._ended.pop(task.id, None)
        if self.keys.get(task.key) == task.id:
            del self.keys[task.key]
        run = self.runs[task.run]
        run.tasks -= 1
        if run.tasks == 0:
            del self.runs[task.run]
            self._run_order.drop(task.run)


_LOOKS = 8
_NO_INPUT = msgspec.Raw(b"null")


def digest_of(input: bytes | msgspec.Raw) -> bytes:
    """What tells one input from another, for as long as it takes to compare them."""
    return hashlib.blake2s(input, digest_size=8).digest()

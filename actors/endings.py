"""How tasks and runs end: whole trees at once, the deepest first, and each exactly once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from retinue.bus.envelope import Envelope
from retinue.bus.messages import AttemptFailed, Message, ReleaseTask, TaskQueued

from .effects import Effects
from .fold import INTERRUPTED
from .runtime import ActorRef
from .scribe import Scribe
from .task_messages import run_end, task_end
from .task_table import TaskTable
from .tasks import Ending, Run, Task

__all__ = ["FORCE_AFTER", "Endings"]

FORCE_AFTER = 0.9
"""Seconds after a cancel until a task that did not end is declared ended: promise 7 says 1."""

Timer = Callable[[float, str, Task], None]
"""``timer(seconds, what, task)``: have the Orchestrator told that ``what`` is due for the task."""


class Endings:
    """The Orchestrator's hand for endings; used on its thread only."""

    def __init__(
        self,
        scribe: Scribe,
        scheduler: Callable[[], ActorRef[Any]],
        table: TaskTable,
        effects: Effects,
        timer: Timer,
        silence: Callable[[str], None],
    ) -> None:
        """``timer`` is for tasks that were told to stop and do not.

        ``silence(task)`` has a turn that still runs write nothing more: the end is the last word.
        """
        self._scribe = scribe
        self._scheduler = scheduler
        self._table = table
        self._effects = effects
        self._timer = timer
        self._silence = silence

    def stop_tree(self, task: Task, ending: Ending) -> None:
        """The task ends as said, and all below it are cancelled, the deepest first."""
        below = ending
        if ending.state != "cancelled":
            below = Ending("cancelled", "Cancelled", f"{task.id} ended: {ending.reason}")
        for child in reversed(list(self._table.below(task))):
            self.wind_down(child, below)
        self.wind_down(task, ending)

    def wind_down(self, task: Task, ending: Ending) -> None:
        """Have a task stopped wherever it is; it ends as said once it has."""
        if not task.open or task.ending is not None:
            return
        task.ending = ending
        if task.delayed:
            self.end(task, ending)
            return
        release = ReleaseTask(ending.reason)
        self._scheduler().tell(
            self._scribe.write(release, task.run, task.id, task.agent, task.cause)
        )
        self._timer(FORCE_AFTER, "force", task)

    def end(self, task: Task, ending: Ending) -> None:
        """End a task without a result."""
        task.kind = "" if ending.state == "cancelled" else ending.kind
        task.error = ending.reason
        self.close(task, ending.state)

    def close(self, task: Task, state: str) -> None:
        """End the task, then its run when nothing of it is open any more."""
        if task.children:
            ending = Ending("cancelled", "Cancelled", f"parent {task.id} {state}")
            for child in reversed(list(self._table.below(task))):
                self.wind_down(child, ending)
        if not task.open:
            return
        self._silence(task.id)
        now = self._scribe.clock.time()
        over = self._table.end(task, state, now)
        events = [self.event(task, task_end(task, now), now)]
        if over is not None:
            events.append(self._run_over(over, now))
        self._scribe.append(events)

    def tell_untold(self) -> None:
        """Write the last event of runs whose end an earlier start did not get to say."""
        now = self._scribe.clock.time()
        untold = [run for run in self._table.runs.values() if not run.open and not run.told]
        if untold:
            self._scribe.append([self._run_over(run, now) for run in untold])

    def interrupt(self, task: Task) -> list[Envelope]:
        """End an attempt that a stop or a crash broke off: it does not count, another follows."""
        failed = AttemptFailed(
            task.attempt, INTERRUPTED, "the kernel was stopped or killed while it ran"
        )
        task.attempt += 1
        task.attempts += 1
        self._table.move(task, "queued")
        task.since = now = self._scribe.clock.time()
        return [self.event(task, failed, now), self.event(task, TaskQueued(task.attempt), now)]

    def _run_over(self, run: Run, now: float) -> Envelope:
        self._effects.forget(run.id)
        run.told = True
        root = self._table.tasks[run.root]
        return self.event(root, run_end(run, root, now), now)

    def event(self, task: Task, body: Message, at: float | None = None) -> Envelope:
        """An event about the task, caused by the last one about it; ``at`` as in ``Scribe.write``."""
        event = self._scribe.write(body, task.run, task.id, task.agent, task.cause, task.trace, at)
        task.cause = event.id
        return event

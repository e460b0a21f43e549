"""The Orchestrator: owns runs, tasks and their states, and decides what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from retinue.bus.codec import decode
from retinue.bus.envelope import Envelope
from retinue.bus.errors import RetinueError
from retinue.bus.messages import (
    AttemptEnded,
    AttemptFailed,
    CancelRequested,
    CancelTask,
    RunStarted,
    StopAgent,
    SubmitTask,
    TaskQueued,
)

from .acceptance import Accepted
from .admission import Admission
from .base import KernelActor
from .effects import Effects
from .endings import Endings
from .past import Origin
from .resumption import Resumed, plan, unknown_ending
from .runtime import ActorRef, Future
from .runtime.future import VALUE
from .scribe import Scribe
from .task_messages import submitted, work
from .task_table import TaskTable
from .tasks import Ending, Task, backoff

__all__ = ["Find", "Forget", "Orchestrator", "Resume", "Tell"]

BLAMELESS = frozenset({"AgentLoopLost"})
"""Kinds of failure that are a neighbour's fault: such an attempt costs the task none."""

MAX_SPARED = 3


class Find(msgspec.Struct, frozen=True):
    """Asks for the record of a task, or of the root task of a run."""

    id: str


class Forget(msgspec.Struct, frozen=True):
    """The journal lets go of runs that are over: forget them, but for these of their tasks."""

    runs: dict[str, tuple[str, ...]]


class Tell(msgspec.Struct, frozen=True):
    """A timer's message: ``what`` is due for the task (``retry``, ``deadline`` or ``force``)."""

    what: str
    task: str


class Resume(msgspec.Struct, frozen=True):
    """The table was folded from the journal: go on. ``due`` says when a back-off of a task ends."""

    due: dict[str, float] = {}


class Orchestrator(KernelActor):
    """A light actor. Every decision is an event first; what follows from it happens after that.

    ``after`` starts a timer: ``after(seconds, ref, message)``.
    """

    handles: ClassVar = {
        "SubmitTask": "_submit",
        "CancelTask": "_cancel",
        "StopAgent": "_stop_agent",
        "AttemptEnded": "_attempt_ended",
        "task.scheduled": "_scheduled",
        "task.running": "_running",
        Tell: "_due",
        Resume: "_resume",
        Find: "_find",
        Forget: "_forget",
    }

    def __init__(
        self,
        scribe: Scribe,
        scheduler: Callable[[], ActorRef[Any]],
        admission: Admission,
        table: TaskTable,
        effects: Effects,
        after: Callable[[float, ActorRef[Any], Any], Any],
        random: Callable[[], float],
        silence: Callable[[str], None],
        origin: Callable[[str], Origin | None],
    ) -> None:
        """``table`` and ``effects`` outlive a restart; ``random`` gives [0, 1) for back-off.

        ``silence`` is as ``Endings`` has it; ``origin`` tells from which run another one goes on.
        """
        super().__init__()
        self._scribe = scribe
        self._clock = scribe.clock
        self._scheduler = scheduler
        self._admission = admission
        self._table = table
        self._effects = effects
        self._after = after
        self._random = random
        self._origin = origin
        self._endings = Endings(scribe, scheduler, table, effects, self._timer, silence)

    def _submit(self, envelope: Envelope) -> Future[str]:
        reply = self.defer()
        try:
            task = self._admit(envelope)
        except RetinueError as refusal:
            reply.fail(refusal)
            return reply
        if isinstance(task, str):
            reply.settle(VALUE, task)
        else:
            self._accept(task, envelope, reply)
        return reply

    def _admit(self, envelope: Envelope) -> Task | str:
        """The new task, or the id of the one that is there already: by its key, or its place."""
        body = decode(envelope.body, SubmitTask)
        known = self._table.keys.get(body.key) if body.key else None
        if known is not None:
            return known
        if body.ordinal:
            shown = self._admission.shown(envelope.agent, body.input)
            child = self._table.taken_up(body.parent, body.ordinal, envelope.agent, shown)
            if child is not None:
                return child.id
        return self._admission.admit(envelope, body, self._table, self._clock.time())

    def _accept(self, task: Task, command: Envelope, reply: Future[str]) -> None:
        task.cause, task.state, now = command.id, "queued", task.submitted
        task.since = now
        begins = self._table.add(task)
        events = [self._endings.event(task, self._started(task), now)] if begins else []
        events += [
            self._endings.event(task, submitted(task), now),
            self._endings.event(task, TaskQueued(), now),
        ]
        self._scribe.append(events, Accepted(self._scheduler(), self._work(task), reply))
        if task.deadline is not None:
            self._timer(max(0.0, task.deadline - now), "deadline", task)

    def _started(self, task: Task) -> RunStarted:
        origin = self._origin(task.run)
        return RunStarted() if origin is None else RunStarted(origin.run, origin.at)

    def _scheduled(self, event: Envelope) -> None:
        task = self._table.tasks.get(event.task)
        if task is not None and task.state == "queued":
            self._table.move(task, "scheduled")
            task.cause = event.id

    def _running(self, event: Envelope) -> None:
        task = self._table.tasks.get(event.task)
        if task is not None and task.state in ("queued", "scheduled"):
            self._table.move(task, "running")
            task.started = task.started or event.time
            task.cause = event.id

    def _attempt_ended(self, envelope: Envelope) -> None:
        """Decide: done, tried again, or ended. What comes from an older attempt counts no more."""
        self._scheduler().tell(envelope)
        task = self._table.tasks.get(envelope.task)
        if task is None or not task.open:
            return
        ended = decode(envelope.body, AttemptEnded)
        if ended.attempt != task.attempt:
            return
        task.cause = envelope.cause or task.cause
        if ended.kind == "KernelClosed":
            return  # a stop of the kernel ends no task: the next start goes on with it
        if task.ending is not None:
            self._endings.end(task, task.ending)
        elif not ended.kind:
            task.result = bytes(ended.result)
            self._endings.close(task, "succeeded")
        elif ended.kind == "Cancelled":
            self._endings.end(task, Ending("cancelled", ended.kind, ended.cause))
        elif (effect := self._effects.unknown(task.run, task.id)) is not None:
            self._endings.end(task, unknown_ending(effect))
        elif ended.kind in BLAMELESS and task.spared < MAX_SPARED:
            task.spared += 1
            task.attempts += 1
            self._try_again(task, ended)
        elif ended.retry and task.attempt < task.attempts:
            self._try_again(task, ended)
        else:
            self._endings.end(task, Ending("failed", ended.kind, ended.cause))

    def _try_again(self, task: Task, ended: AttemptEnded) -> None:
        now = self._clock.time()
        delay = max(backoff(task.attempt, self._random()), ended.retry_after or 0.0)
        failed = AttemptFailed(task.attempt, ended.kind, ended.cause, delay)
        task.attempt += 1
        task.delayed, task.since = True, now + delay
        task.kind, task.error = ended.kind, ended.cause
        self._table.move(task, "queued")
        self._scribe.append(
            [
                self._endings.event(task, failed, now),
                self._endings.event(task, TaskQueued(task.attempt, delay), now),
            ]
        )
        self._timer(delay, "retry", task)

    def _cancel(self, envelope: Envelope) -> Future[bool]:
        """Cancel a task and all below it; answered once that is committed."""
        reply = self.defer()
        try:
            task = self._table.root_of(envelope.task or envelope.run)
        except RetinueError as refusal:
            reply.fail(refusal)
            return reply
        if not task.open:
            reply.settle(VALUE, False)
            return reply
        asked = decode(envelope.body, CancelTask)
        task.cause = envelope.id
        requested = self._endings.event(task, CancelRequested(asked.reason, asked.by))
        self._scribe.append([requested], lambda _: reply.settle(VALUE, True))
        self._endings.stop_tree(task, Ending("cancelled", "Cancelled", asked.reason))
        return reply

    def _stop_agent(self, envelope: Envelope) -> None:
        """All open tasks of an agent that is stopped end as failed."""
        reason = f"agent {envelope.agent!r} was stopped: {decode(envelope.body, StopAgent).reason}"
        ending = Ending("failed", "AgentStopped", reason)
        for task in [t for t in self._table.tasks.values() if t.open and t.agent == envelope.agent]:
            self._endings.stop_tree(task, ending)

    def _due(self, due: Tell) -> None:
        task = self._table.tasks.get(due.task)
        if task is None or not task.open:
            return
        if due.what == "retry":
            task.delayed = False
            self._scheduler().tell(self._work(task))
        elif due.what == "deadline":
            seconds = (task.deadline or 0.0) - task.submitted
            self._endings.stop_tree(
                task, Ending("failed", "DeadlineExceeded", f"not done within {seconds:g} s")
            )
        elif task.ending is not None:
            self._endings.end(task, task.ending)

    def _find(self, find: Find) -> Task | None:
        try:
            return self._table.root_of(find.id)
        except RetinueError:
            return None

    def _forget(self, forget: Forget) -> None:
        for run, tasks in forget.runs.items():
            self._table.forget(run, tasks)

    def _work(self, task: Task) -> Envelope:
        return self._scribe.write(work(task), task.run, task.id, task.agent, task.cause, task.trace)

    def _resume(self, resume: Resume) -> tuple[int, int]:
        """Go on with what an earlier start left; answered with how many go on, and are unknown."""
        self._endings.tell_untold()
        plans = plan(self._table, self._effects, resume.due, self._clock.time())
        for resumed in plans:
            if resumed.task.open:
                self._go_on(resumed)
        ended = [resumed.ending for resumed in plans if resumed.ending is not None]
        unknown = sum(ending.state == "outcome_unknown" for ending in ended)
        return len(plans) - len(ended), unknown

    def _go_on(self, resumed: Resumed) -> None:
        task = resumed.task
        if resumed.ending is not None:
            self._endings.end(task, resumed.ending)
            return
        if task.deadline is not None:
            self._timer(max(0.0, task.deadline - self._clock.time()), "deadline", task)
        if resumed.what == "wait":
            task.delayed = True
            self._timer(resumed.delay, "retry", task)
            return
        events = self._endings.interrupt(task) if resumed.what == "interrupted" else []
        work, scheduler = self._work(task), self._scheduler()
        self._scribe.append(events, lambda _: scheduler.tell(work))

    def _timer(self, seconds: float, what: str, task: Task) -> None:
        self._after(seconds, self.actor_ref, Tell(what, task.id))

"""Who carries messages between the actors of a replay, and which of them wait for their moment."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

import msgspec

from retinue.actors.orchestrator import Tell
from retinue.actors.roster import Roster
from retinue.actors.runtime import Future
from retinue.actors.runtime.future import ERROR, VALUE
from retinue.actors.scheduler import AgentReady
from retinue.actors.task_table import TaskTable
from retinue.bus.codec import decode, encode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import KernelClosed
from retinue.bus.messages import (
    TERMINAL_TASK,
    AttemptFailed,
    CancelTask,
    StopAgent,
    SubmitTask,
    TaskScheduled,
)

from .commits import Commits
from .gates import Gates, Kind
from .inversions import jitter_of, seconds_until
from .ledger import Ledger
from .line import RecordedLine
from .recording import Recording
from .scribe import ReplayScribe
from .stands import Post, Stand
from .virtual_loop import VirtualLoop

__all__ = ["Couriers"]


class Setting(Protocol):
    """What the couriers see of the stage."""

    recording: Recording
    ledger: Ledger
    gates: Gates
    loop: VirtualLoop
    commits: Commits
    scribe: ReplayScribe
    table: TaskTable
    roster: Roster
    line: RecordedLine

    def agent_of(self, task: str) -> str:
        """The agent that the task is for."""

    def is_given(self, agent: str) -> bool:
        """Whether the agent's code is not here."""


class Couriers:
    """``scheduler`` and ``orchestrator`` stand for the actors' refs.

    What the Scheduler is told it hears at once. What turns ask of the Orchestrator, and what
    agents are told, waits at a gate.
    """

    def __init__(self, stage: Setting) -> None:
        """Before ``serve`` nobody may be told anything."""
        self.orchestrator: Any = Stand("orchestrator", self._to_orchestrator)
        self.scheduler: Any = Stand("scheduler", self._to_scheduler)
        self.agents: dict[str, Any] = {}
        self._stage = stage
        self._post = Post()

    def serve(self, scheduler: Any, orchestrator: Any) -> None:
        """These are the actors."""
        self._scheduler = scheduler
        self._orchestrator = orchestrator

    # ------------------------------------------------------------------ from outside

    def submit(self, event: Event) -> None:
        """A program, or a turn whose code is not here, submits the task."""
        was = self._stage.recording.submitted[event.task]
        until = None if was.deadline is None else seconds_until(was.deadline, event.time)
        parent = self._stage.table.tasks.get(was.parent)
        if parent is not None and parent.deadline == was.deadline:
            until = None  # it is the parent's
        body = SubmitTask(
            was.input,
            was.priority,
            until,
            was.key,
            was.parent,
            was.attempts,
            was.attempt_timeout,
            was.fairness,
            was.ordinal,
        )
        self.ask_orchestrator(self._from_outside(event, body))

    def cancel(self, event: Event) -> None:
        """Somebody outside, or a turn whose code is not here, asks to cancel the task."""
        body = event.data
        asked = CancelTask(body["reason"], body.get("by", ""))
        self.ask_orchestrator(self._from_outside(event, asked))

    def stop_agent(self, name: str, reason: str) -> None:
        """An operator stops an agent."""
        command = self._stage.scribe.write(StopAgent(reason), agent=name)
        self._post.deliver(self._orchestrator, command)

    def schedule(self, event: Event) -> None:
        """The Scheduler chose the task."""
        stage = self._stage
        stage.line.let_next(event.task, decode(event.envelope.body, TaskScheduled))
        ref: Any = stage.roster.find(event.agent).ref
        self.tell_scheduler(AgentReady(event.agent, ref, 1))

    def ask_orchestrator(self, message: Any) -> None:
        """It gets the message now; what it answers is of no interest."""
        self._post.deliver(self._orchestrator, message, Future())

    def tell_scheduler(self, message: Any) -> None:
        """It gets the message now."""
        self._post.deliver(self._scheduler, message)

    # ------------------------------------------------------------------ between actors

    def to_agent(self, message: Any, reply: Future[Any] | None) -> None:
        """A message to one of the agents."""
        kind, gates = getattr(message, "type", ""), self._stage.gates
        if kind == "RunTask":
            gates.add("run", message.task, partial(self._run, message))
        elif kind == "StopAttempt":
            agent = self.agents[message.agent]
            gates.add("stop", message.task, partial(self._post.deliver, agent, message, reply))
        else:
            agent = self.agents[self._stage.agent_of(message.task)]
            deliver = partial(self._post.deliver, agent, message, reply)
            gates.add("over", message.task, deliver, "", message)

    def after(self, seconds: float, ref: Any, message: Tell) -> None:
        """A timer of the Orchestrator's: its time comes when the record shows that it did."""
        stage = self._stage
        deliver = partial(self._post.deliver, self._orchestrator, message)
        if message.what == "retry" and self._came_to_line(message.task):
            deliver()
            return
        deadline = stage.table.tasks[message.task].deadline or 0.0
        due = deadline if message.what == "deadline" else stage.loop.now + seconds
        what: Any = message.what
        stage.gates.add(what, message.task, deliver, "", due)

    def random(self) -> float:
        """The jitter that gives the recorded delay."""
        event = self._stage.ledger.current()
        if event is None or event.type != "task.attempt_failed":
            return 0.0
        body = decode(event.envelope.body, AttemptFailed)
        return jitter_of(body.attempt, body.retry_in) or 0.0

    def _to_scheduler(self, message: Any, reply: Future[Any] | None) -> None:
        self._post.deliver(self._scheduler, message, reply)

    def _to_orchestrator(self, message: Any, reply: Future[Any] | None) -> None:
        kind = getattr(message, "type", "")
        if kind == "SubmitTask":
            body = decode(message.body, SubmitTask)
            self._hold(message, "submit", body.parent, str(body.ordinal), reply)
        elif kind == "CancelTask":
            self._hold(message, "cancel", decode(message.body, CancelTask).by, message.task, reply)
        elif kind == "AttemptEnded":
            self._hold(message, "ended", message.task, "", reply)
        else:
            self._notice(message, reply)

    def _hold(
        self, message: Envelope, kind: Kind, task: str, ref: str, outer: Future[Any] | None
    ) -> None:
        """The Orchestrator gets it when the record shows that it did; so does the turn its reply."""
        if self._stage.scribe.muted:
            if outer is not None:
                outer.fail(KernelClosed("the replay is over"))
            return

        def deliver() -> None:
            inner = None if outer is None else self._passed_on(task, outer)
            self._post.deliver(self._orchestrator, self._named(message), inner)

        self._stage.gates.add(kind, task, deliver, ref, message)

    def _passed_on(self, task: str, outer: Future[Any]) -> Future[Any]:
        """A reply's future whose outcome reaches ``outer`` by way of a gate."""
        inner: Future[Any] = Future()

        def hand_over() -> None:
            try:
                outer.settle(VALUE, inner.outcome())
            except Exception as error:  # noqa: BLE001 - the refusal is the turn's
                outer.settle(ERROR, error)

        inner.on_done(lambda: self._stage.gates.add("reply", task, hand_over))
        return inner

    def _notice(self, message: Any, reply: Future[Any] | None) -> None:
        """Heard at once, unless what the Orchestrator wrote next shows that it came later."""
        deliver = partial(self._post.deliver, self._orchestrator, message, reply)
        told = self._stage.ledger.caused_later(message.task, message.id)
        if told is None:
            deliver()
        else:
            self._stage.gates.add("notice", message.task, deliver, told.id)

    def _run(self, message: Envelope) -> None:
        agent = self.agents[message.agent]
        agent.recall(self._stage.commits.states.get(message.agent, {}))
        self._post.deliver(agent, message)

    # ------------------------------------------------------------------ under recorded names

    def _named(self, message: Envelope) -> Envelope:
        """A turn's command, under the ids that it had then."""
        if message.type == "CancelTask":
            ledger = self._stage.ledger
            asked = ledger.following("orchestrator", message.task, "task.cancel_requested")
            cause = message.id if asked is None else asked.envelope.cause
            return msgspec.structs.replace(message, id=cause)
        if message.type != "SubmitTask":
            return message
        body = decode(message.body, SubmitTask)
        event = self._next_child(body.parent, body.ordinal)
        return message if event is None else self._submission(event, body, message)

    def leaves_no_trace(self, command: Envelope) -> bool:
        """Whether what a turn asks for leads to no event: a child that is taken up again, say."""
        if command.type == "CancelTask":
            ledger = self._stage.ledger
            return ledger.following("orchestrator", command.task, "task.cancel_requested") is None
        body = decode(command.body, SubmitTask)
        return self._next_child(body.parent, body.ordinal) is None

    def _next_child(self, parent: str, ordinal: int) -> Event | None:
        for task, body in self._stage.recording.submitted.items():
            if body.parent == parent and body.ordinal == ordinal:
                event = self._stage.ledger.following("orchestrator", task, "task.submitted")
                if event is not None:
                    return event
        return None

    def _submission(self, event: Event, body: SubmitTask, command: Envelope) -> Envelope:
        if self._stage.is_given(command.agent):  # what its code asks for only the record knows
            was = self._stage.recording.submitted[event.task]
            body = msgspec.structs.replace(
                body, attempts=was.attempts, attempt_timeout=was.attempt_timeout
            )
        return msgspec.structs.replace(
            command, id=event.envelope.cause, task=event.task, body=encode(body)
        )

    def _came_to_line(self, task: str) -> bool:
        """Whether the task was in line again when it was ended, without a turn of its own."""
        ledger = self._stage.ledger
        if ledger.following("scheduler", task) is not None:
            return False
        end = ledger.following("orchestrator", task, *TERMINAL_TASK)
        return end is not None and not ledger.is_recorded(end.envelope.cause)

    def _from_outside(self, event: Event, body: Any) -> Envelope:
        trace = event.envelope.trace
        command = self._stage.scribe.write(body, event.run, event.task, event.agent, "", trace)
        return msgspec.structs.replace(command, id=event.envelope.cause)

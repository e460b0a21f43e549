"""The Scheduler: decides which waiting task runs next, and says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from retinue.bus.codec import decode
from retinue.bus.envelope import Envelope
from retinue.bus.messages import (
    AttemptEnded,
    ConfigureScheduler,
    ReleaseTask,
    RunTask,
    SchedulerConfigured,
    StopAttempt,
    TaskScheduled,
)

from .base import KernelActor
from .runtime import ActorRef
from .scheduling.line import Choice, Line
from .scheduling.policies import Waiting, make_policy
from .scribe import Scribe

__all__ = ["AgentGone", "AgentReady", "AskScheduler", "Desk", "Hold", "Scheduler", "WhyWaiting"]


class AgentReady(msgspec.Struct, frozen=True):
    """An agent takes ``places`` tasks at once from now on."""

    name: str
    ref: ActorRef[Any]
    places: int = 1


class AgentGone(msgspec.Struct, frozen=True):
    """The agent takes no more tasks."""

    name: str


class WhyWaiting(msgspec.Struct, frozen=True):
    """Asks why these tasks do not run yet; answered with words by task, empty for one that does."""

    tasks: tuple[str, ...]


class Hold(msgspec.Struct, frozen=True):
    """The kernel closes: agents end, and nothing that waits begins any more."""


class AskScheduler(msgspec.Struct, frozen=True):
    """Asks for the policy and the caps in force."""


class Desk(msgspec.Struct):
    """What the Scheduler has in hand. It outlives a restart of the actor, which alone writes it.

    ``tasks`` holds the envelope of each task that waits or runs, ``at`` the agent of each that runs.
    """

    line: Line
    ageing: float
    tasks: dict[str, Envelope] = {}
    at: dict[str, ActorRef[Any]] = {}
    agents: dict[str, ActorRef[Any]] = {}
    order: int = 0
    paused: bool = False


class Scheduler(KernelActor):
    """Owns the waiting line, the places and the policy. A light actor."""

    handles: ClassVar = {
        "RunTask": "_run",
        "ReleaseTask": "_release",
        "AttemptEnded": "_ended",
        "TaskWaits": "_waits",
        "TaskResumes": "_resumes",
        "ConfigureScheduler": "_configure",
        AgentReady: "_agent_ready",
        AgentGone: "_agent_gone",
        Hold: "_hold",
        WhyWaiting: "_why",
        AskScheduler: "_configured",
    }

    def __init__(
        self,
        scribe: Scribe,
        orchestrator: Callable[[], ActorRef[Any]],
        desk: Desk,
        is_wanted: Callable[[str], bool],
    ) -> None:
        """``desk`` holds the policy and the caps that it starts with.

        ``is_wanted(task)`` is asked before a task begins: told to end while its ``RunTask`` was on
        its way, it was not here to be released.
        """
        super().__init__()
        self._scribe = scribe
        self._orchestrator = orchestrator
        self._desk = desk
        self._line = desk.line
        self._is_wanted = is_wanted

    def _run(self, envelope: Envelope) -> None:
        body, desk, task = decode(envelope.body, RunTask), self._desk, envelope.task
        if not self._is_wanted(task):
            self._end(envelope, "Cancelled", "it was told to end before it was here")
            return
        desk.order += 1
        desk.tasks[task] = envelope
        clock = self._scribe.clock
        waited = max(0.0, clock.time() - body.since)
        waiting = Waiting(
            task,
            envelope.agent,
            body.priority,
            body.fairness,
            body.since,
            desk.order,
            body.attempt,
            clock.monotonic() - waited,
        )
        self._line.enter(waiting)
        self._dispatch()

    def _ended(self, envelope: Envelope) -> None:
        """An attempt is over: its place is free."""
        self._desk.tasks.pop(envelope.task, None)
        self._desk.at.pop(envelope.task, None)
        self._line.leave(envelope.task)
        self._dispatch()

    def _release(self, envelope: Envelope) -> None:
        """End what waits at once; what runs is stopped by its agent, and then ends."""
        task = self._desk.tasks.get(envelope.task)
        if task is None:
            return
        reason = decode(envelope.body, ReleaseTask).reason
        agent = self._desk.at.get(envelope.task)
        if agent is None:
            self._line.leave(envelope.task)
            self._end(task, "Cancelled", reason)
        elif agent.is_alive():
            stop = StopAttempt(reason)
            # Not in the control lane: there it would overtake the RunTask, and stop nothing.
            agent.tell(self._scribe.write(stop, task.run, task.task, task.agent, envelope.id))

    def _waits(self, envelope: Envelope) -> None:
        self._line.lend(envelope.task)
        self._dispatch()

    def _resumes(self, envelope: Envelope) -> None:
        self._line.take_back(envelope.task)

    def _configure(self, envelope: Envelope) -> SchedulerConfigured:
        body, line = decode(envelope.body, ConfigureScheduler), self._line
        if body.policy is not None:
            line.use(make_policy(body.policy, self._desk.ageing))
        line.limit(body.max_running or line.max_running, body.max_per_agent or line.max_per_agent)
        if body.paused is not None:
            self._desk.paused = body.paused
        now = self._configured()
        self._scribe.append([self._scribe.write(now, cause=envelope.id)])
        self._dispatch()
        return now

    def _agent_ready(self, message: AgentReady) -> None:
        self._desk.agents[message.name] = message.ref
        self._line.set_places(message.name, message.places)
        self._dispatch()

    def _agent_gone(self, message: AgentGone) -> None:
        self._desk.agents.pop(message.name, None)
        self._line.set_places(message.name, 0)

    def _hold(self, _: Hold) -> None:
        """Not as ``_configure``: the next start is not paused."""
        self._desk.paused = True

    def _why(self, message: WhyWaiting) -> dict[str, str]:
        if self._desk.paused:
            return dict.fromkeys(message.tasks, "the scheduler is paused")
        return {task: self._line.why(task) for task in message.tasks}

    def _configured(self, _: AskScheduler | None = None) -> SchedulerConfigured:
        line = self._line
        return SchedulerConfigured(
            line.policy.name, line.max_running, line.max_per_agent, self._desk.paused
        )

    def _dispatch(self) -> None:
        """Start tasks for as long as one may run."""
        while not self._desk.paused:
            choice = self._line.choose()
            if choice is None:
                return
            self._start(choice)

    def _start(self, choice: Choice) -> None:
        waiting, scribe = choice.waiting, self._scribe
        task = self._desk.tasks[waiting.task]
        if not self._is_wanted(task.task):
            self._end(task, "Cancelled", "it was told to end before it began")
            return
        agent = self._desk.agents.get(task.agent)
        if agent is None or not agent.is_alive():
            self._end(task, "UnknownAgent", f"agent {task.agent!r} was stopped")
            return
        now = scribe.clock.time()
        waited = max(0.0, now - waiting.since)
        body = TaskScheduled(
            self._line.policy.name, choice.reason, waiting.attempt, choice.others, waited
        )
        event = scribe.write(body, task.run, task.task, task.agent, task.cause, task.trace, now)
        scribe.append((event,))
        self._orchestrator().tell(event)
        self._desk.at[task.task] = agent
        agent.tell(task)

    def _end(self, task: Envelope, kind: str, cause: str) -> None:
        """Say for the agent, which never had it, that the attempt is over."""
        attempt = decode(task.body, RunTask).attempt
        ended = AttemptEnded(attempt, kind=kind, cause=cause, retry=False)
        self._orchestrator().tell(
            self._scribe.write(ended, task.run, task.task, task.agent, task.id)
        )

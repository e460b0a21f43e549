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

__all__ = ["AgentGone", "AgentReady", "AskScheduler", "Scheduler", "WhyWaiting"]


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


class AskScheduler(msgspec.Struct, frozen=True):
    """Asks for the policy and the caps in force."""


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
        WhyWaiting: "_why",
        AskScheduler: "_ask",
    }

    def __init__(
        self, scribe: Scribe, orchestrator: Callable[[], ActorRef[Any]], line: Line, ageing: float
    ) -> None:
        """``line`` holds the policy and the caps that it starts with."""
        super().__init__()
        self._scribe = scribe
        self._orchestrator = orchestrator
        self._line = line
        self._ageing = ageing
        self._paused = False
        self._tasks: dict[str, Envelope] = {}
        self._agents: dict[str, ActorRef[Any]] = {}
        self._order = 0

    def _run(self, envelope: Envelope) -> None:
        body = decode(envelope.body, RunTask)
        self._order += 1
        self._tasks[envelope.task] = envelope
        self._line.enter(
            Waiting(
                envelope.task,
                envelope.agent,
                body.priority,
                body.fairness,
                body.since,
                self._order,
                body.attempt,
            )
        )
        self._dispatch()

    def _ended(self, envelope: Envelope) -> None:
        """An attempt is over: its place is free."""
        self._tasks.pop(envelope.task, None)
        self._line.leave(envelope.task)
        self._dispatch()

    def _release(self, envelope: Envelope) -> None:
        """End what waits at once; what runs is stopped by its agent, and then ends."""
        reason = decode(envelope.body, ReleaseTask).reason
        task = self._tasks.get(envelope.task)
        if task is None:
            return
        if envelope.task in self._line.running:
            self._agents[task.agent].tell(
                self._scribe.write(
                    StopAttempt(reason), task.run, task.task, task.agent, envelope.id
                ),
                control=True,
            )
            return
        del self._tasks[envelope.task]
        self._line.leave(envelope.task)
        body = decode(task.body, RunTask)
        ended = AttemptEnded(body.attempt, kind="Cancelled", cause=reason, retry=False)
        self._orchestrator().tell(
            self._scribe.write(ended, task.run, task.task, task.agent, envelope.id)
        )

    def _waits(self, envelope: Envelope) -> None:
        self._line.lend(envelope.task)
        self._dispatch()

    def _resumes(self, envelope: Envelope) -> None:
        self._line.take_back(envelope.task)

    def _configure(self, envelope: Envelope) -> SchedulerConfigured:
        body = decode(envelope.body, ConfigureScheduler)
        if body.policy is not None:
            self._line.use(make_policy(body.policy, self._ageing))
        self._line.limit(
            body.max_running or self._line.max_running,
            body.max_per_agent or self._line.max_per_agent,
        )
        if body.paused is not None:
            self._paused = body.paused
        now = self._configured()
        self._scribe.append([self._scribe.write(now, cause=envelope.id)])
        self._dispatch()
        return now

    def _agent_ready(self, message: AgentReady) -> None:
        self._agents[message.name] = message.ref
        self._line.set_places(message.name, message.places)
        self._dispatch()

    def _agent_gone(self, message: AgentGone) -> None:
        self._agents.pop(message.name, None)

    def _dispatch(self) -> None:
        """Start tasks for as long as one may run."""
        while not self._paused:
            choice = self._line.choose()
            if choice is None:
                return
            self._start(choice)

    def _start(self, choice: Choice) -> None:
        task = self._tasks[choice.waiting.task]
        since = choice.waiting.since
        scheduled = self._scribe.write(
            TaskScheduled(
                self._line.policy.name,
                choice.reason,
                choice.waiting.attempt,
                choice.others,
                max(0.0, self._scribe.clock.time() - since),
            ),
            task.run,
            task.task,
            task.agent,
            task.cause,
            task.trace,
        )
        self._scribe.append((scheduled,))
        self._orchestrator().tell(scheduled)
        agent = self._agents.get(task.agent)
        if agent is None:
            self._nobody(task, choice.waiting.attempt)
        else:
            agent.tell(task)

    def _nobody(self, task: Envelope, attempt: int) -> None:
        ended = AttemptEnded(
            attempt, kind="UnknownAgent", cause=f"agent {task.agent!r} was stopped", retry=False
        )
        self._orchestrator().tell(
            self._scribe.write(ended, task.run, task.task, task.agent, task.id)
        )

    def _configured(self) -> SchedulerConfigured:
        line = self._line
        return SchedulerConfigured(
            line.policy.name, line.max_running, line.max_per_agent, self._paused
        )

    def _why(self, message: WhyWaiting) -> dict[str, str]:
        if self._paused:
            return dict.fromkeys(message.tasks, "the scheduler is paused")
        return {task: self._line.why(task) for task in message.tasks}

    def _ask(self, _: AskScheduler) -> SchedulerConfigured:
        return self._configured()

"""Tasks and runs: what is to be done, and how it went.

States of a task: submitted → queued → scheduled → running → succeeded | failed | cancelled;
a failed attempt that may be tried again goes back to queued. A run is a task without a
parent and all the tasks below it.
"""

from __future__ import annotations

from msgspec import Raw

from .base import Command, Event

__all__ = [
    "AttemptEnded",
    "AttemptFailed",
    "CancelRequested",
    "CancelTask",
    "ReleaseTask",
    "RetryTask",
    "RunCancelled",
    "RunFailed",
    "RunStarted",
    "RunSucceeded",
    "RunTask",
    "StopAttempt",
    "SubmitTask",
    "TaskCancelled",
    "TaskFailed",
    "TaskOutcomeUnknown",
    "TaskQueued",
    "TaskResumes",
    "TaskRunning",
    "TaskScheduled",
    "TaskStalled",
    "TaskSubmitted",
    "TaskSucceeded",
    "TaskWaits",
]


class SubmitTask(Command, frozen=True):
    """To the Orchestrator; answered with the task's id once the task is committed.

    The envelope's ``task`` is the new task's id and its ``agent`` who shall do it.
    ``deadline`` is for the whole task and ``attempt_timeout`` for each attempt, in seconds.
    With a ``key`` that was used before, the answer is the id of the task that has it. A child's
    ``ordinal`` counts its parent's submissions from 1, in each attempt anew: what an earlier
    attempt submitted at the same place, to the same agent with the same input, is taken up again.
    """

    input: Raw
    priority: int = 5
    deadline: float | None = None
    key: str = ""
    parent: str = ""
    attempts: int = 1
    attempt_timeout: float | None = None
    fairness: str = ""
    ordinal: int = 0


class CancelTask(Command, frozen=True):
    """To the Orchestrator: cancel the envelope's task and everything under it.

    ``by`` is the task whose turn asks; empty when it comes from outside.
    """

    reason: str
    by: str = ""


class RetryTask(Command, frozen=True):
    """To the Orchestrator: run a failed or cancelled task once more, as a new task."""


class RunTask(Command, frozen=True):
    """To the Scheduler, which passes it on to the agent when it is the task's turn.

    ``since`` is when it began to wait, ``timeout`` the attempt's budget in seconds and
    ``until`` the attempt's end in seconds since the epoch, whichever comes first. ``place`` is
    where in its run the task stands: the same when another attempt of its parent submits it.
    """

    input: Raw
    attempt: int = 1
    priority: int = 5
    fairness: str = ""
    since: float = 0.0
    timeout: float | None = None
    until: float | None = None
    place: str = ""


class ReleaseTask(Command, frozen=True):
    """To the Scheduler: the envelope's task shall end, wherever it is; see ``StopAttempt``."""

    reason: str


class TaskWaits(Command, frozen=True):
    """To the Scheduler: the envelope's task waits for a child and lends its place meanwhile."""

    child: str


class TaskResumes(Command, frozen=True):
    """To the Scheduler: the envelope's task goes on."""


class StopAttempt(Command, frozen=True):
    """To an agent: end the envelope's task now."""

    reason: str


class AttemptEnded(Command, frozen=True):
    """To the Orchestrator: how an attempt went. Without ``kind`` it succeeded."""

    attempt: int
    result: Raw = Raw(b"null")
    kind: str = ""
    cause: str = ""
    retry: bool = True
    retry_after: float | None = None


class RunStarted(Event, frozen=True, tag="run.started"):
    """The first event of a run.

    ``source`` is the run that this one goes on from, and ``at`` the last of its events that counts.
    """

    source: str = ""
    at: int = 0


class RunSucceeded(Event, frozen=True, tag="run.succeeded"):
    """The last event of a run whose root task succeeded."""

    seconds: float = 0.0


class RunFailed(Event, frozen=True, tag="run.failed"):
    """The last event of a run whose root task failed."""

    reason: str
    seconds: float = 0.0


class RunCancelled(Event, frozen=True, tag="run.cancelled"):
    """The last event of a run that was cancelled."""

    reason: str
    seconds: float = 0.0


class TaskSubmitted(Event, frozen=True, tag="task.submitted"):
    """The task is accepted; see ``SubmitTask``. ``deadline`` is seconds since the epoch.

    ``withheld`` says that the agent gets more than ``input`` shows: something stands in there for
    secrets, which are only kept in memory. When its kernel ends first, the task cannot be resumed.
    """

    input: Raw
    priority: int = 5
    deadline: float | None = None
    key: str = ""
    parent: str = ""
    attempts: int = 1
    attempt_timeout: float | None = None
    fairness: str = ""
    ordinal: int = 0
    withheld: bool = False


class TaskQueued(Event, frozen=True, tag="task.queued"):
    """The task waits for the Scheduler, before ``attempt``; ``delay`` is the back-off in seconds."""

    attempt: int = 1
    delay: float = 0.0


class TaskScheduled(Event, frozen=True, tag="task.scheduled"):
    """The Scheduler chose this task: ``reason`` says why, ``waiting`` how many others waited."""

    policy: str
    reason: str
    attempt: int = 1
    waiting: int = 0
    waited: float = 0.0


class TaskRunning(Event, frozen=True, tag="task.running"):
    """An agent has begun with an attempt."""

    attempt: int = 1


class AttemptFailed(Event, frozen=True, tag="task.attempt_failed"):
    """An attempt failed, and another follows after ``retry_in`` seconds."""

    attempt: int
    kind: str
    cause: str
    retry_in: float = 0.0


class TaskStalled(Event, frozen=True, tag="task.stalled"):
    """The watchdog saw no progress: ``what`` hangs and since how many ``seconds``."""

    what: str
    seconds: float
    action: str


class CancelRequested(Event, frozen=True, tag="task.cancel_requested"):
    """Somebody asked to cancel the task and everything under it: the turn of task ``by``.

    ``by`` is empty when it came from outside: a program, an operator, the watchdog.
    """

    reason: str
    by: str = ""


class TaskSucceeded(Event, frozen=True, tag="task.succeeded"):
    """The task is done; ``result`` is what the agent returned."""

    result: Raw
    attempts: int = 1
    seconds: float = 0.0


class TaskFailed(Event, frozen=True, tag="task.failed"):
    """The task ended without a result: the last attempt's error, or a deadline."""

    kind: str
    cause: str
    attempts: int = 1
    seconds: float = 0.0


class TaskOutcomeUnknown(Event, frozen=True, tag="task.outcome_unknown"):
    """The task ended because nobody knows whether an effect that it had begun took place.

    ``cause`` names the tool and the effect: look there, then retry the task or leave it.
    """

    cause: str
    seconds: float = 0.0


class TaskCancelled(Event, frozen=True, tag="task.cancelled"):
    """The task ended because it, or a task above it, was cancelled."""

    reason: str
    seconds: float = 0.0

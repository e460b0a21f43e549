"""A turn's door to the kernel, for agents in the kernel's process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from retinue.bus.codec import decode, encode_value
from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import TaskCancelled, TaskFailed
from retinue.bus.messages import (
    CancelTask,
    EventBody,
    LlmReturned,
    RunTask,
    SubmitTask,
    TaskOutcomeUnknown,
    TaskResumes,
    TaskWaits,
    ToolReturned,
)
from retinue.bus.messages import TaskCancelled as TaskCancelledEvent
from retinue.bus.messages import TaskFailed as TaskFailedEvent
from retinue.bus.messages import TaskSucceeded as TaskSucceededEvent
from retinue.plugins import Tool
from retinue.plugins.policy import Policy, Request, refusal

from .bounds import NO_BOUND
from .completions import Completions
from .effects import effect_id
from .models import Models
from .past import Pasts
from .pipeline.authorising import denial
from .runtime import ActorRef
from .scheduling.policies import DEFAULT
from .scribe import Scribe
from .steps import Mirrored, Steps
from .toolbox import Toolbox

if TYPE_CHECKING:
    from retinue.plugins.llm.model import ChatModel

__all__ = ["KernelTurn", "Services", "outcome_of"]


PATIENCE = 86_400.0
"""Seconds. A full disk may hold a command of a turn up for long; the turn's own deadline ends it."""


class Services(msgspec.Struct, frozen=True):
    """What turns need of the kernel."""

    scribe: Scribe
    completions: Completions
    toolbox: Toolbox
    models: Models
    orchestrator: Callable[[], ActorRef[Any]]
    scheduler: Callable[[], ActorRef[Any]]
    is_wanted: Callable[[str], bool]
    """Whether a task has not ended, and was not told to."""
    ended: Callable[[str], Event | None]
    """The terminal event of a task, when it is committed already."""
    mirrored: Mirrored
    pasts: Pasts
    policy: Policy | None = None
    """The operator's rules; without them, what an agent was given decides."""
    result_bytes: int = NO_BOUND
    """Bytes of JSON that a turn may give for its result."""


class KernelTurn:
    """Implements ``TurnPort``. ``emit`` and ``close`` from any thread, the rest on a loop."""

    def __init__(
        self,
        services: Services,
        task: Envelope,
        body: RunTask,
        deadline: float | None,
        tools: Mapping[str, Tool],
        model: str | ChatModel | None,
        state: dict[str, Any],
    ) -> None:
        """``task`` is the envelope of the ``RunTask`` that begins the turn, ``body`` what is in it."""
        self.run, self.task, self.agent = task.run, task.task, task.agent
        self.attempt = body.attempt
        self.deadline = deadline
        self.state = state
        self.cancelled = False
        self.step = "started"
        self.progressed = services.scribe.clock.monotonic()
        self.steps = Steps(
            services.scribe, services.mirrored, task.run, task.task, task.agent, task.id, task.trace
        )
        self._ordinal = 0
        self._place = body.place
        self._past = services.pasts.of(task.run, body.place)
        self._calls: dict[tuple[str, bytes], int] = {}
        self._services = services
        self._tools = tools
        self._model = model

    def emit(self, body: EventBody) -> None:
        """Write a step down; discarded once the turn is over, refused when it floods."""
        self.progressed = self._services.scribe.clock.monotonic()
        self.steps.emit(body)

    async def told(self, body: EventBody) -> None:
        """Write a step down; returns once it is committed, and observers had their chance."""
        self.progressed = self._services.scribe.clock.monotonic()
        await self.steps.told(body)

    async def call(self, tool: str, args: Mapping[str, Any]) -> Any:
        """Call a tool that the agent was given."""
        with _Step(self, f"tool {tool}"):
            return await self._services.toolbox.call(self, tool, args, self._tools)

    @property
    def principals(self) -> tuple[str, ...]:
        """On whose behalf the turn's calls are made."""
        return (f"agent:{self.agent}",)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """While a call waits for ``what``; the place in the scheduler is lent to others meanwhile."""
        scheduler = self._services.scheduler()
        with _Step(self, f"waiting for {what}"):
            scheduler.tell(self.steps.write(TaskWaits(what)))
            try:
                yield
            finally:
                scheduler.tell(self.steps.write(TaskResumes()))

    def answered(self, tool: str, args: bytes) -> ToolReturned | None:
        """The answer that the run which this one goes on from got to the same call."""
        return None if self._past is None else self._past.tool(tool, args)

    def said(self, prompt: str) -> LlmReturned | None:
        """The same for a model's answer, by the digest of the prompt."""
        return None if self._past is None else self._past.model(prompt)

    def effect_id(self, tool: str, args: bytes) -> str:
        """The id of the effect that this call has, whichever attempt makes it."""
        ordinal = self._calls[tool, args] = self._calls.get((tool, args), 0) + 1
        return effect_id(self.task, tool, args, ordinal)

    async def submit(
        self,
        agent: str,
        input: Mapping[str, Any],
        *,
        priority: int | None = None,
        deadline: float | None = None,
        key: str = "",
    ) -> str:
        """Submit a child task; raises ``Denied`` where the policy does not permit it."""
        self._permit(agent)
        given = msgspec.Raw(encode_value(dict(input), f"the input for {agent!r}"))
        urgent = DEFAULT if priority is None else priority
        self._ordinal += 1
        body = SubmitTask(given, urgent, deadline, key, self.task, ordinal=self._ordinal)
        command = self.steps.write(body)
        command = msgspec.structs.replace(
            command, task=self._services.scribe.ids.make("t"), agent=agent
        )
        orchestrator = self._services.orchestrator()
        accepted: str = await orchestrator.ask(command, block=False, timeout=PATIENCE)
        return accepted

    async def result(self, task: str) -> Any:
        """Wait for a child; the place in the scheduler is lent to others meanwhile."""
        completions = self._services.completions
        ended = completions.watch(task)
        known = self._services.ended(task)
        if known is not None:
            completions.forget(task)
            return outcome_of(known)
        scheduler = self._services.scheduler()
        with _Step(self, f"waiting for {task}"):
            scheduler.tell(self.steps.write(TaskWaits(task)))
            try:
                return outcome_of(await ended)
            finally:
                scheduler.tell(self.steps.write(TaskResumes()))

    async def cancel(self, task: str, reason: str) -> None:
        """Cancel a child and everything under it."""
        command = msgspec.structs.replace(
            self.steps.write(CancelTask(reason, self.task)), task=task
        )
        await self._services.orchestrator().ask(command, block=False, timeout=PATIENCE)

    def _permit(self, agent: str) -> None:
        policy = self._services.policy
        if policy is None:
            return
        request = Request("submit", agent, self.principals)
        decision = policy.authorise(request)
        if decision.effect != "allow":
            error = refusal(request, decision)
            self.emit(denial(request, error))
            raise error

    def model(self, name: str | None = None) -> ChatModel:
        """The agent's model, or the named one; its calls become events of this turn."""
        return self._services.models.for_turn(self, name or self._model)

    def close(self) -> None:
        """The turn is over: whatever is still emitted by code that did not stop is discarded."""
        self.steps.close()


class _Step:
    """Says what the turn is at while the block runs, for the watchdog and for people."""

    def __init__(self, turn: KernelTurn, step: str) -> None:
        self._turn = turn
        self._step = step
        self._before = turn.step

    def __enter__(self) -> None:
        self._turn.step = self._step

    def __exit__(self, *_: object) -> None:
        self._turn.step = self._before
        self._turn.progressed = self._turn._services.scribe.clock.monotonic()  # noqa: SLF001


def outcome_of(event: Event) -> Any:
    """The result that a task's terminal event holds; raises ``TaskFailed`` or ``TaskCancelled``."""
    body = event.envelope.body
    if event.type == "task.succeeded":
        return msgspec.json.decode(decode(body, TaskSucceededEvent).result)
    if event.type == "task.failed":
        failed = decode(body, TaskFailedEvent)
        raise TaskFailed(event.task, failed.kind, failed.cause, failed.attempts)
    if event.type == "task.outcome_unknown":
        raise TaskFailed(event.task, "OutcomeUnknown", decode(body, TaskOutcomeUnknown).cause)
    raise TaskCancelled(event.task, decode(body, TaskCancelledEvent).reason)

"""State is a fold over events: from what the journal holds to what the kernel knows. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from retinue.bus.codec import decode, encode
from retinue.bus.elements import Element, Pile, Progression
from retinue.bus.envelope import Envelope, Event
from retinue.bus.messages import (
    AgentSpawned,
    AgentState,
    AttemptFailed,
    CancelRequested,
    ElementCreated,
    ProgressionAppended,
    ProgressionCreated,
    RunStarted,
    TaskCancelled,
    TaskFailed,
    TaskOutcomeUnknown,
    TaskQueued,
    TaskSubmitted,
    TaskSucceeded,
    ToolCalled,
    ToolReturned,
)
from retinue.plugins.manifest.model import Grant

from . import plugin_fold
from .approval_fold import APPROVAL_STEPS
from .approvals import Approvals
from .effects import Effect, Effects
from .past import Origin
from .task_table import TaskTable
from .tasks import Ending, Task

__all__ = ["AgentRecord", "Folded", "fold"]


class AgentRecord(msgspec.Struct, frozen=True):
    """An agent that was there: what a later start needs to spawn it again."""

    name: str
    reference: str
    isolation: str
    tools: tuple[str, ...]
    model: str
    permissions: dict[str, Any] | None = None


class Folded(msgspec.Struct):
    """What the kernel knows, as far as events tell it. ``seq`` is the last event that is in it."""

    table: TaskTable
    effects: Effects
    states: dict[str, Any] = {}
    pile: Pile[Element] = msgspec.field(default_factory=lambda: Pile(Element))
    progressions: dict[str, Progression] = {}
    agents: dict[str, AgentRecord] = {}
    calls: dict[str, str] = {}
    due: dict[str, float] = {}
    seq: int = 0
    clean: bool = True
    origins: dict[str, Origin] = {}
    grants: dict[str, Grant] = {}
    approvals: Approvals = msgspec.field(default_factory=Approvals)
    """By plugin: what an operator granted it last."""
    hosted: dict[str, str] = {}
    """The digests of the plugins that run in processes of their own, by name."""


def fold(folded: Folded, event: Event) -> None:
    """Take one event in. Events that say nothing about state change nothing but ``seq``."""
    folded.seq = event.seq
    step = STEPS.get(event.envelope.type)
    if step is not None:
        step(folded, event.envelope)


def _run_started(folded: Folded, event: Envelope) -> None:
    if event.body != _BARE_START:
        body = decode(event.body, RunStarted)
        folded.origins[event.run] = Origin(body.source, body.at)


def _submitted(folded: Folded, event: Envelope) -> None:
    body = decode(event.body, TaskSubmitted)
    task = Task(
        event.task,
        event.run,
        event.agent,
        body.parent,
        body.input,
        body.priority,
        body.fairness,
        body.key,
        body.attempts,
        body.attempt_timeout,
        body.deadline,
        event.time,
        event.trace,
        cause=event.id,
        ordinal=body.ordinal,
        withheld=body.withheld,
    )
    folded.table.add(task)


def _queued(folded: Folded, event: Envelope) -> None:
    task = _open(folded, event)
    if task is not None:
        body = decode(event.body, TaskQueued)
        task.attempt = body.attempt
        folded.table.move(task, "queued")
        folded.due[task.id] = task.since = event.time + body.delay


def _scheduled(folded: Folded, event: Envelope) -> None:
    task = _open(folded, event)
    if task is not None:
        folded.table.move(task, "scheduled")


def _running(folded: Folded, event: Envelope) -> None:
    task = _open(folded, event)
    if task is not None:
        folded.table.move(task, "running")
        task.started = task.started or event.time


def _attempt_failed(folded: Folded, event: Envelope) -> None:
    task = _open(folded, event)
    if task is not None:
        body = decode(event.body, AttemptFailed)
        task.kind, task.error = body.kind, body.cause
        if body.kind == INTERRUPTED:
            task.attempts += 1


def _cancel_requested(folded: Folded, event: Envelope) -> None:
    task = _open(folded, event)
    if task is not None:
        reason = decode(event.body, CancelRequested).reason
        ending = Ending("cancelled", "Cancelled", reason)
        for one in (task, *folded.table.below(task)):
            one.ending = one.ending or ending


def _ended(folded: Folded, event: Envelope) -> None:
    task = _open(folded, event)
    if task is None:
        return
    state = event.type.removeprefix("task.")
    if state == "succeeded":
        task.result = bytes(decode(event.body, TaskSucceeded).result)
    elif state == "failed":
        failed = decode(event.body, TaskFailed)
        task.kind, task.error = failed.kind, failed.cause
    elif state == "cancelled":
        task.kind, task.error = "", decode(event.body, TaskCancelled).reason
    else:
        task.kind, task.error = "OutcomeUnknown", decode(event.body, TaskOutcomeUnknown).cause
    if folded.table.end(task, state, event.time) is not None:
        folded.effects.forget(task.run)
    folded.due.pop(task.id, None)
    folded.approvals.void(task.id, event.time)


def _run_ended(folded: Folded, event: Envelope) -> None:
    run = folded.table.runs.get(event.run)
    if run is not None:
        run.told, run.over = True, folded.seq
        _forget_calls(folded, run.root)
    folded.origins.pop(event.run, None)
    folded.approvals.forget(event.run)


def _forget_calls(folded: Folded, root: str) -> None:
    """Effects are named after the root task; those of a run that is over matter no more."""
    for call in [
        c for c, effect in folded.calls.items() if effect.startswith((f"{root}/", f"{root}:"))
    ]:
        del folded.calls[call]


def _called(folded: Folded, event: Envelope) -> None:
    body = decode(event.body, ToolCalled)
    if body.effect_id and event.task:
        folded.calls[body.call] = body.effect_id
        begun = Effect(body.effect_id, event.task, body.tool, "begun")
        folded.effects.note(event.run, begun)


def _returned(folded: Folded, event: Envelope) -> None:
    effect = folded.calls.pop(_call_of(event.body), None)
    if effect is None:
        return
    body = decode(event.body, ToolReturned)
    if body.ok:
        known = Effect(effect, event.task, body.tool, "returned", bytes(body.result))
        folded.effects.note(event.run, known)
    elif not body.unknown:
        folded.effects.note(event.run, Effect(effect, event.task, body.tool, "failed"))


def _spawned(folded: Folded, event: Envelope) -> None:
    body = decode(event.body, AgentSpawned)
    spawned = (body.reference, body.isolation, body.tools, body.model, body.permissions)
    folded.agents[event.agent] = AgentRecord(event.agent, *spawned)


def _agent_stopped(folded: Folded, event: Envelope) -> None:
    folded.agents.pop(event.agent, None)
    folded.states.pop(event.agent, None)


def _state(folded: Folded, event: Envelope) -> None:
    folded.states[event.agent] = msgspec.json.decode(decode(event.body, AgentState).state)


def _element(folded: Folded, event: Envelope) -> None:
    body = decode(event.body, ElementCreated)
    content = msgspec.json.decode(body.content)
    folded.pile.include(
        Element(id=body.element, created=body.created, content=content, metadata=body.metadata)
    )


def _progression(folded: Folded, event: Envelope) -> None:
    body = decode(event.body, ProgressionCreated)
    folded.progressions[body.progression] = Progression(id=body.progression, name=body.name)


def _appended(folded: Folded, event: Envelope) -> None:
    body = decode(event.body, ProgressionAppended)
    folded.progressions[body.progression].extend(body.elements)


def _kernel_moved(folded: Folded, event: Envelope) -> None:
    folded.clean = event.type == "kernel.stopped"


class _Call(msgspec.Struct):
    call: str


def _call_of(body: bytes) -> str:
    return decode(body, _Call).call


def _open(folded: Folded, event: Envelope) -> Task | None:
    task = folded.table.tasks.get(event.task)
    if task is None or not task.open:
        return None
    task.cause = event.id
    return task


_BARE_START = encode(RunStarted())
"""What nearly every run begins with: there is nothing to decode."""

INTERRUPTED = "Interrupted"
"""The kind of an attempt that a stop or a crash of the kernel broke off; it costs no attempt."""

STEPS: dict[str, Callable[[Folded, Envelope], None]] = {
    "run.started": _run_started,
    "task.submitted": _submitted,
    "task.queued": _queued,
    "task.scheduled": _scheduled,
    "task.running": _running,
    "task.attempt_failed": _attempt_failed,
    "task.cancel_requested": _cancel_requested,
    "task.succeeded": _ended,
    "task.failed": _ended,
    "task.cancelled": _ended,
    "task.outcome_unknown": _ended,
    "run.succeeded": _run_ended,
    "run.failed": _run_ended,
    "run.cancelled": _run_ended,
    "tool.called": _called,
    "tool.returned": _returned,
    "agent.spawned": _spawned,
    "agent.stopped": _agent_stopped,
    "agent.state": _state,
    "plugin.granted": plugin_fold.granted,
    "plugin.revoked": plugin_fold.revoked,
    "plugin.loaded": plugin_fold.loaded,
    "plugin.unloaded": plugin_fold.unloaded,
    "element.created": _element,
    "progression.created": _progression,
    "progression.appended": _appended,
    **dict.fromkeys(
        APPROVAL_STEPS, lambda f, event: APPROVAL_STEPS[event.type](f.approvals, event)
    ),
    **dict.fromkeys(("kernel.started", "kernel.stopped"), _kernel_moved),
}

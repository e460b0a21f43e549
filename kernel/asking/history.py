"""What the journal tells of tasks, agents and the kernel, with times and reasons kept. Pure.

``actors.fold`` rebuilds what a kernel has to know to go on; this keeps what people ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from retinue.bus.envelope import Event

from .asked import take_answer, take_request
from .letters import letter_of
from .records import (
    AgentRecord,
    Attempt,
    CallRecord,
    KernelRecord,
    Letter,
    TaskRecord,
)

__all__ = ["History", "history_of"]


class History(msgspec.Struct):
    """Everything by name; ``seq`` and ``time`` are those of the last event."""

    tasks: dict[str, TaskRecord] = {}
    runs: dict[str, str] = {}
    agents: dict[str, AgentRecord] = {}
    calls: dict[str, CallRecord] = {}
    letters: list[Letter] = []
    plugins: dict[str, str] = {}
    kernel: KernelRecord = msgspec.field(default_factory=KernelRecord)
    seq: int = 0
    time: float = 0.0

    def running(self) -> list[TaskRecord]:
        """Tasks that hold a place."""
        return [t for t in self.tasks.values() if t.open and t.state in ("scheduled", "running")]

    def queued(self) -> list[TaskRecord]:
        """Tasks that wait for the scheduler, oldest first."""
        return [t for t in self.tasks.values() if t.open and t.state == "queued"]

    def children(self, task: TaskRecord) -> list[TaskRecord]:
        """The task's children that are known, in order."""
        return [self.tasks[child] for child in task.children if child in self.tasks]


def history_of(events: Iterable[Event]) -> History:
    """Take the events in, in their order."""
    history = History()
    for event in events:
        history.seq, history.time = event.seq, event.time
        step = STEPS.get(event.type)
        if step is not None:
            step(history, event)
        task = history.tasks.get(event.task)
        if task is not None and event.type != "task.stalled":  # the watchdog's word is no progress
            task.last = event.time
    return history


def _run_started(history: History, event: Event) -> None:
    history.runs[event.run] = ""


def _submitted(history: History, event: Event) -> None:
    body = event.data
    task = TaskRecord(
        event.task,
        event.run,
        event.agent,
        body.get("parent", ""),
        event.time,
        event.seq,
        body.get("priority", 5),
        body.get("deadline"),
        body.get("attempts", 1),
    )
    history.tasks[event.task] = task
    if not history.runs.get(event.run):
        history.runs[event.run] = event.task
    parent = history.tasks.get(task.parent)
    if parent is not None:
        parent.children.append(task.id)


def _queued(history: History, event: Event) -> None:
    body = event.data
    task = history.tasks.get(event.task)
    if task is not None:
        task.state = "queued"
        number, delay = body.get("attempt", 1), body.get("delay", 0.0)
        task.attempts.append(Attempt(number, event.time, delay))


def _scheduled(history: History, event: Event) -> None:
    body = event.data
    task = history.tasks.get(event.task)
    if task is not None and task.open:
        task.state = "scheduled"
        attempt = task.attempt
        attempt.scheduled = event.time
        attempt.policy, attempt.reason = body["policy"], body["reason"]
        attempt.others, attempt.waited = body.get("waiting", 0), body.get("waited", 0.0)


def _running(history: History, event: Event) -> None:
    task = history.tasks.get(event.task)
    if task is not None and task.open:
        task.state = "running"
        task.attempt.began = event.time


def _attempt_failed(history: History, event: Event) -> None:
    body = event.data
    task = history.tasks.get(event.task)
    if task is not None and task.open:
        _close_attempt(task, event.time, "failed", body["kind"], body["cause"])
        _cut_off(history, event.time, lambda call: call.task == task.id)


def _stalled(history: History, event: Event) -> None:
    body = event.data
    task = history.tasks.get(event.task)
    if task is not None:
        task.stalled = (body["what"], event.time - body["seconds"], body["action"])


def _cancel_requested(history: History, event: Event) -> None:
    body = event.data
    task = history.tasks.get(event.task)
    if task is not None and task.cancel is None:
        task.cancel = (body["reason"], event.time, body.get("by", ""))


def _ended(history: History, event: Event) -> None:
    body = event.data
    task = history.tasks.get(event.task)
    if task is None or not task.open:
        return
    state = event.type.removeprefix("task.")
    kind: str = body.get("kind", "OutcomeUnknown" if state == "outcome_unknown" else "")
    cause: str = body.get("cause") or body.get("reason", "")
    task.state, task.ended, task.kind, task.cause = state, event.time, kind, cause
    if task.attempts and task.attempt.ended is None:
        _close_attempt(task, event.time, state, kind, cause)
    _cut_off(history, event.time, lambda call: call.task == task.id)


def _called(history: History, event: Event) -> None:
    body = event.data
    what = event.type.partition(".")[0]
    name = body["tool"] if what == "tool" else body["model"]
    effect = body.get("effect_id", "")
    call = CallRecord(body["call"], what, name, event.task, event.time, event.seq, effect)
    call.rule = body.get("rule", "")
    history.calls[call.id] = call
    task = history.tasks.get(event.task)
    if task is not None:
        task.calls.append(call)


def _returned(history: History, event: Event) -> None:
    body = event.data
    call = history.calls.pop(body["call"], None)
    if call is not None:
        call.ended, call.error = event.time, body.get("error", "")
        call.unknown = bool(body.get("unknown", False))


def _asked(history: History, event: Event) -> None:
    take_request(history.tasks, event)


def _answered(history: History, event: Event) -> None:
    take_answer(history.tasks, event)


def _spawned(history: History, event: Event) -> None:
    body = event.data
    history.agents[event.agent] = AgentRecord(event.agent, event.time, tuple(body.get("tools", ())))


def _agent_gone(history: History, event: Event) -> None:
    body = event.data
    agent = history.agents.get(event.agent)
    if event.type == "agent.failed" and not body["action"].startswith("not spawned"):
        return
    if agent is None:
        agent = history.agents[event.agent] = AgentRecord(event.agent, event.time)
    said = body.get("reason") or f"{body.get('kind', '')}: {body.get('cause', '')}"
    agent.gone, agent.why = event.time, said
    agent.failed = event.type == "agent.failed"


def _kernel_started(history: History, event: Event) -> None:
    body = event.data
    history.kernel = KernelRecord(
        event.time,
        body.get("pid", 0),
        body.get("name", ""),
        max_running=body.get("max_running", 0),
        policy=body.get("policy", ""),
        boots=history.kernel.boots + 1,
    )
    _cut_off(history, event.time, lambda _: True)
    for agent in history.agents.values():
        if agent.gone is None:
            agent.gone, agent.why = event.time, "not spawned again since the kernel's last start"


def _configured(history: History, event: Event) -> None:
    body = event.data
    kernel = history.kernel
    kernel.policy, kernel.max_running = body["policy"], body["max_running"]
    paused = body.get("paused", False)
    kernel.paused = (kernel.paused or event.time) if paused else None


def _kernel_ends(history: History, event: Event) -> None:
    body = event.data
    if event.type == "kernel.stopping":
        history.kernel.stopping = (body["reason"], event.time)
    else:
        history.kernel.stopped = event.time


def _dead(history: History, event: Event) -> None:
    history.letters.append(letter_of(event))


def _plugin(history: History, event: Event) -> None:
    body = event.data
    said = {"plugin.failed": body.get("cause", ""), "plugin.unloaded": body.get("reason", "")}
    history.plugins[body["name"]] = said.get(event.type, "")


def _close_attempt(task: TaskRecord, at: float, outcome: str, kind: str, cause: str) -> None:
    attempt = task.attempt
    attempt.ended, attempt.outcome, attempt.kind, attempt.cause = at, outcome, kind, cause


def _cut_off(history: History, at: float, which: Callable[[CallRecord], bool]) -> None:
    """Calls that can no longer return: their attempt, or the whole kernel, is over."""
    for call in [call for call in history.calls.values() if which(call)]:
        call.ended, call.error, call.unknown = at, "cut off", bool(call.effect)
        del history.calls[call.id]


STEPS: dict[str, Callable[[History, Event], None]] = {
    "run.started": _run_started,
    "task.submitted": _submitted,
    "task.queued": _queued,
    "task.scheduled": _scheduled,
    "task.running": _running,
    "task.attempt_failed": _attempt_failed,
    "task.stalled": _stalled,
    "task.cancel_requested": _cancel_requested,
    "task.succeeded": _ended,
    "task.failed": _ended,
    "task.cancelled": _ended,
    "task.outcome_unknown": _ended,
    "tool.called": _called,
    "tool.returned": _returned,
    "llm.called": _called,
    "llm.returned": _returned,
    "approval.requested": _asked,
    "approval.granted": _answered,
    "approval.denied": _answered,
    "approval.expired": _answered,
    "approval.used": _answered,
    "agent.spawned": _spawned,
    "agent.stopped": _agent_gone,
    "agent.failed": _agent_gone,
    "kernel.started": _kernel_started,
    "kernel.scheduler_configured": _configured,
    "kernel.stopping": _kernel_ends,
    "kernel.stopped": _kernel_ends,
    "message.dead": _dead,
    "plugin.loaded": _plugin,
    "plugin.failed": _plugin,
    "plugin.unloaded": _plugin,
}

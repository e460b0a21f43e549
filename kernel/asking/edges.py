"""What an open task is stuck on, and what that is stuck on in turn. Pure."""

from __future__ import annotations

import msgspec

from ..text import duration
from .history import History
from .records import CallRecord, TaskRecord
from .times import clock_time

__all__ = ["Edge", "Live", "edges"]

_RATE = "waiting for the rate limit"
"""How the step of a turn begins that waits for a token; ``waiting`` says it."""


class Edge(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is waited for. ``task`` is the one that waits.

    ``kind`` is one of kernel, journal, ending, letter, back-off, paused, agent, busy, cap, line, handed-over,
    approval, limit, child, tool, model, code. ``since`` and ``until`` are seconds since the epoch.
    """

    kind: str
    task: str
    text: str
    since: float | None = None
    until: float | None = None


class Live(msgspec.Struct, frozen=True):
    """What only a running kernel knows: the step of each turn, and how the scheduler is set.

    ``running`` is ``None`` when nobody could tell whether the kernel runs. ``steps`` maps a task to
    what its turn is at; ``waiting`` to the scheduler's own words. ``journal`` says why it takes no
    events, and is empty when it does.
    """

    running: bool | None = None
    max_running: int = 0
    steps: dict[str, str] = {}
    waiting: dict[str, str] = {}
    journal: str = ""


def edges(history: History, task: TaskRecord, now: float, live: Live) -> list[Edge]:
    """The chain of waits from the task to what can move; empty for a task that has ended."""
    down = _kernel_down(history, task, live)
    if down is not None and task.open:
        return [down]
    if live.journal and task.open:
        return [Edge("journal", task.id, f"the journal, which takes no events: {live.journal}")]
    found: list[Edge] = []
    seen: set[str] = set()
    following: TaskRecord | None = task
    while following is not None and following.open and following.id not in seen:
        seen.add(following.id)
        edge, following = _edge(history, following, now, live)
        found.append(edge)
    return found


Step = tuple[Edge, TaskRecord | None]


def _kernel_down(history: History, task: TaskRecord, live: Live) -> Edge | None:
    kernel = history.kernel
    if live.running or (live.running is None and kernel.stopped is None):
        return None
    remedy = "start it again with `retinue run`: the task goes on"
    if kernel.stopped is not None:
        why = f" ({kernel.stopping[0]})" if kernel.stopping else ""
        text = f"the kernel, which was stopped at {clock_time(kernel.stopped)}{why}: {remedy}"
        return Edge("kernel", task.id, text, kernel.stopped)
    text = f"the kernel, which was killed after {clock_time(history.time)}: {remedy}"
    return Edge("kernel", task.id, text, history.time)


def _edge(history: History, task: TaskRecord, now: float, live: Live) -> Step:
    if (ending := _ending(history, task, now)) is not None:
        return ending, None
    if (letter := _letter(history, task)) is not None:
        return letter, None
    if task.state in ("submitted", "queued"):
        return _waiting(history, task, now, live)
    if task.state == "scheduled":
        since = task.attempt.scheduled
        text = (
            f"agent '{task.agent}', which was handed the task and has not begun{_for(since, now)}"
        )
        return Edge("handed-over", task.id, text, since), None
    return _running(history, task, now, live)


def _ending(history: History, task: TaskRecord, now: float) -> Edge | None:
    """A cancel of the task, or of one above it, is on its way."""
    above: TaskRecord | None = task
    while above is not None:
        if above.cancel is not None:
            reason, since, by = above.cancel
            whose = "its end" if above is task else f"its end with {above.id}"
            whom = f" by {by}" if by else ""
            text = f"{whose}: a cancel was asked for{whom}{_ago(since, now)} ({reason})"
            return Edge("ending", task.id, text, since)
        above = history.tasks.get(above.parent)
    return None


def _letter(history: History, task: TaskRecord) -> Edge | None:
    """A message about the present attempt that nobody got."""
    since = task.attempt.queued
    for letter in reversed(history.letters):
        if letter.task == task.id and letter.time >= since and letter.what in _MOVES:
            text = (
                f"nothing: its {letter.what} for '{letter.recipient}' found no reader "
                f"({letter.reason}): see `retinue dead show {letter.id}`"
            )
            return Edge("letter", task.id, text, letter.time)
    return None


_MOVES = frozenset({"RunTask", "AttemptEnded", "SubmitTask", "ReleaseTask", "StopAttempt"})


def _waiting(history: History, task: TaskRecord, now: float, live: Live) -> Step:
    attempt = task.attempt
    due = attempt.queued + attempt.delay
    if due > now:
        return Edge("back-off", task.id, _back_off(task, due, now), attempt.queued, due), None
    paused = history.kernel.paused
    if paused is not None:
        text = f"the scheduler, which was paused{_ago(paused, now)}: resume it (POST /v1/scheduler)"
        return Edge("paused", task.id, text, paused), None
    agent = history.agents.get(task.agent)
    if agent is None or agent.gone is not None:
        return _no_agent(history, task, now), None
    return _in_line(history, task, now, live)


def _back_off(task: TaskRecord, due: float, now: float) -> str:
    before = task.attempts[-2] if len(task.attempts) > 1 else None
    failed = f"; attempt {before.number} failed: {before.kind}: {before.cause}" if before else ""
    number = task.attempt.number
    return f"the back-off before attempt {number}, over in {duration(due - now)}{failed}"


def _no_agent(history: History, task: TaskRecord, now: float) -> Edge:
    agent = history.agents.get(task.agent)
    if agent is None:
        text = f"an agent named '{task.agent}', and there is none: spawn it"
        return Edge("agent", task.id, text, task.attempt.queued)
    if agent.failed:
        broken = "".join(f"; plugin {n} failed: {why}" for n, why in history.plugins.items() if why)
        text = f"agent '{agent.name}', which could not be spawned again: {agent.why}{broken}"
    else:
        text = f"agent '{agent.name}', which is not there{_ago(agent.gone, now)} ({agent.why})"
    return Edge("agent", task.id, f"{text}: spawn it", agent.gone)


def _in_line(history: History, task: TaskRecord, now: float, live: Live) -> Step:
    queued = task.attempt.queued
    running = history.running()
    busy = [other for other in running if other.agent == task.agent]
    if busy:
        other = busy[0]
        doing = f"{_since(_held(other), now)}: {_doing(history, other, live)}"
        text = f"agent '{task.agent}', which is busy with {other.id}{doing}"
        return Edge("busy", task.id, text, queued), other
    most = live.max_running or history.kernel.max_running
    holding = [other for other in running if not _lends(history, other, live)]
    if most and len(holding) >= most:
        first = min(holding, key=_held)
        text = f"a place: the cap of {most} tasks in flight is reached; {first.id} is the oldest"
        return Edge("cap", task.id, text, queued), first
    others = len(history.queued()) - 1
    policy = history.kernel.policy
    under = f" under policy {policy}" if policy else ""
    words = live.waiting.get(task.id, "")
    text = f"its turn{under}, with {others} other task(s) in line" + (
        f" ({words})" if words else ""
    )
    return Edge("line", task.id, text, queued), None


def _running(history: History, task: TaskRecord, now: float, live: Live) -> Step:
    if (approval := _approval(task, now)) is not None:
        return approval, None
    if _is_limited(task, live):
        limit = live.steps[task.id].removeprefix("waiting for ")
        text = f"{limit}, of `calls.rates`{_for(task.last, now)}"
        return Edge("limit", task.id, text, task.last), None
    child = _awaited(history, task, live)
    if child is not None:
        text = f"its child {child.id} of agent '{child.agent}', which is {child.state}"
        return Edge("child", task.id, text, child.submitted), child
    calls = task.open_calls()
    if calls:
        call = calls[0]
        kind = "tool" if call.what == "tool" else "model"
        return Edge(kind, task.id, _call(task, call, now), _progressed(task, call)), None
    text = f"its agent's own code, which has said nothing{_for(task.last, now)}{_stall(task, now)}"
    return Edge("code", task.id, text, task.last), None


def _approval(task: TaskRecord, now: float) -> Edge | None:
    """A word that somebody has to say before a call goes on."""
    waiting = [one for one in task.approvals if not one.by and one.expires > now]
    if not waiting:
        return None
    one = waiting[0]
    text = (
        f"approval {one.id} of {one.resource}, by rule {one.rule!r}: {' or '.join(one.who)} may answer "
        f"for another {duration(one.expires - now)} (`retinue approvals grant {one.id}`, or deny)"
    )
    return Edge("approval", task.id, text, one.since, one.expires)


def _awaited(history: History, task: TaskRecord, live: Live) -> TaskRecord | None:
    """The child that it waits for: as the turn says, or the oldest open one when nothing else runs.

    A turn that asked several at once says one of them, which may have ended since.
    """
    step = live.steps.get(task.id, "")
    if step and "waiting" not in step:
        return None
    said = history.tasks.get(step.removeprefix("waiting for "))
    if said is not None and said.open:
        return said
    if not step and task.open_calls():
        return None
    return next((child for child in history.children(task) if child.open), None)


def _is_limited(task: TaskRecord, live: Live) -> bool:
    return live.steps.get(task.id, "").startswith(_RATE)


def _lends(history: History, task: TaskRecord, live: Live) -> bool:
    if task.state == "running" and _is_limited(task, live):
        return True
    if task.state == "running" and any(not one.by for one in task.approvals):
        return True
    return task.state == "running" and _awaited(history, task, live) is not None


def _call(task: TaskRecord, call: CallRecord, now: float) -> str:
    stall = _stall(task, now)
    if call.what == "tool":
        return f"tool {call.name}, which has been running{_for(call.began, now)}{stall}"
    silent = _for(_progressed(task, call), now)
    return f"model {call.name}, which has said nothing{silent}{stall}"


def _progressed(task: TaskRecord, call: CallRecord) -> float:
    return call.began if call.what == "tool" else max(call.began, task.last)


def _doing(history: History, task: TaskRecord, live: Live) -> str:
    if any(not one.by for one in task.approvals):
        return "waiting for approval"
    if _is_limited(task, live):
        return live.steps[task.id]
    if _lends(history, task, live):
        return "waiting for its child"
    calls = task.open_calls()
    if calls:
        return f"calling {calls[0].name}"
    return "handed over" if task.state == "scheduled" else "in its own code"


def _stall(task: TaskRecord, now: float) -> str:
    if task.stalled is None:
        return ""
    what, since, action = task.stalled
    return f"; the watchdog saw no progress in {what}{_for(since, now)} ({action})"


def _held(task: TaskRecord) -> float:
    return task.attempt.began or task.attempt.scheduled or task.submitted


def _for(since: float | None, now: float) -> str:
    return "" if since is None else f" for {duration(max(0.0, now - since))}"


def _since(since: float, now: float) -> str:
    return f" since {duration(max(0.0, now - since))}"


def _ago(since: float | None, now: float) -> str:
    return "" if since is None else f" {duration(max(0.0, now - since))} ago"

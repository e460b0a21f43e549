"""Why a task, a run or one decision is as it is: a short answer first, then what led there. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from retinue.bus.envelope import Event
from retinue.bus.errors import NotFound
from retinue.bus.journal import Filter
from retinue.bus.journal.retold import Retold
from retinue.bus.messages import TELEMETRY

from ..text import duration
from .causes import Cause, chain, described
from .edges import Edge, Live, edges
from .history import History, history_of
from .records import Attempt, CallRecord, TaskRecord
from .source import Source, missing, relevant

__all__ = ["Answer", "why"]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``answer`` is one line; ``edges`` is what something open is stuck on, the nearest first.

    ``waits`` says for what it waited and for how many seconds, ``attempts`` how each went, ``calls``
    are its calls of tools and models, ``deadline`` is in seconds since the epoch.
    """

    id: str
    kind: str
    state: str
    answer: str
    task: str = ""
    run: str = ""
    agent: str = ""
    deadline: float | None = None
    edges: list[Edge] = []
    waits: dict[str, float] = {}
    attempts: list[Attempt] = []
    calls: list[CallRecord] = []
    chain: list[Cause] = []


def why(source: Source, id: str, now: float, live: Live | None = None) -> Answer:
    """Explain a task, a run, or an event by its id or ``seq``. Raises ``NotFound``.

    ``now`` is seconds since the epoch; ``live`` is what a running kernel adds.
    """
    source = Retold(source)
    event = _named(source, id)
    if event is not None and (not event.run or event.type in TELEMETRY):
        said = f"{event.type}: {described(event)}"
        return Answer(id, "event", "", said, agent=event.agent, chain=chain([event], event))
    run, task = (event.run, event.task) if event is not None else _placed(source, id)
    history = history_of(relevant(source, run))
    events = list(source.read(0, Filter(run=run)))
    record = history.tasks.get(task or history.runs.get(run, ""))
    if record is None:
        raise NotFound(
            f"the beginning of {id!r} is no longer kept: the journal was trimmed past it"
        )
    if event is not None:
        return _of_event(id, event, events, record)
    kind = "run" if id == run else "task"
    return _of_task(id, kind, record, history, events, now, live or Live())


def _named(source: Source, id: str) -> Event | None:
    """The event of that ``seq`` or id; ``None`` for what may be a task or a run."""
    if id.isascii() and id.isdigit():
        found = next(source.read(int(id) - 1, None, 1), None)
        if found is None or found.seq != int(id):
            raise NotFound(
                f"no event {id}: the journal holds {source.first} to {source.last}{_cut(source)}"
            )
        return found
    if not id.startswith("e-"):
        return None
    found = next((event for event in source.read() if event.id == id), None)
    if found is None:
        raise NotFound(
            f"no event {id!r} is in the journal: commands are not kept, and old ones go{_cut(source)}"
        )
    return found


def _cut(source: Source) -> str:
    gone = missing(source)
    return f"; {gone}" if gone else ""


def _placed(source: Source, id: str) -> tuple[str, str]:
    """The run and task of an id."""
    if re.match("r-", id):
        only, task = Filter(run=id), ""
    else:
        only, task = Filter(task=id), id
    found = next(source.read(0, only, 1), None)
    if found is None:
        raise NotFound(
            f"nothing named {id!r} is in the journal: give a task, a run, an event's id or its seq; "
            f"see `retinue log`{_cut(source)}"
        )
    return found.run, task


def _of_event(id: str, event: Event, events: Sequence[Event], task: TaskRecord) -> Answer:
    said = f"{event.type}: {described(event)}"
    return Answer(
        id,
        "event",
        task.state,
        said,
        event.task,
        event.run,
        event.agent,
        chain=chain(events, event),
    )


def _of_task(
    id: str,
    kind: str,
    task: TaskRecord,
    history: History,
    events: Sequence[Event],
    now: float,
    live: Live,
) -> Answer:
    found = edges(history, task, now, live)
    own = [event for event in events if event.task == task.id and not event.type.startswith("run.")]
    last = next((e for e in reversed(own) if e.type.startswith("task.")), own[-1])
    said = _stuck(task, found, now) if task.open else _ended(history, task)
    return Answer(
        id,
        kind,
        task.state,
        said,
        task.id,
        task.run,
        task.agent,
        task.deadline,
        found,
        _waits(task, now),
        [attempt for attempt in task.attempts if attempt.queued],
        task.calls,
        chain(events, last),
    )


def _stuck(task: TaskRecord, found: Sequence[Edge], now: float) -> str:
    if not found:
        return f"{task.state}, and nothing stands in its way"
    said = f"waits for {found[0].text}"
    end = found[-1]
    if len(found) > 1 and end.task != found[0].task:
        said += f"; at the end of the chain {end.task} waits for {end.text}"
    if task.deadline is not None:
        left = task.deadline - now
        said += f"; its deadline is in {duration(left)}" if left > 0 else "; its deadline is over"
    return said


def _ended(history: History, task: TaskRecord) -> str:
    took = duration(max(0.0, (task.ended or task.submitted) - task.submitted))
    if task.state == "succeeded":
        return f"succeeded after {took}, at attempt {task.attempt.number}"
    if task.state == "cancelled":
        return f"was cancelled after {took}: {task.cause}{_above(history, task)}"
    if task.state == "outcome_unknown":
        return f"ended after {took} with an unknown outcome: {task.cause}"
    tries = f"{task.attempt.number} of {max(task.allowed, task.attempt.number)} attempt(s)"
    if task.kind == "DeadlineExceeded":
        return f"failed after {took}: DeadlineExceeded: {task.cause}; {_spent(task)}"
    return f"failed after {took} and {tries}: {task.kind}: {task.cause}{_below(history, task)}"


def _above(history: History, task: TaskRecord) -> str:
    """Who asked for it, and for which task above it when it was not for this one."""
    above: TaskRecord | None = task
    while above is not None and above.cancel is None:
        above = history.tasks.get(above.parent)
    if above is None or above.cancel is None:
        return ""
    by = f" by {above.cancel[2]}" if above.cancel[2] else ""
    if above is task:
        return f" (asked for{by})" if by else ""
    return (
        f" (asked for{by} for {above.id}, above it)" if by else f" (asked for {above.id}, above it)"
    )


def _below(history: History, task: TaskRecord) -> str:
    """The child whose failure the task's own error tells of."""
    for child in history.children(task):
        if child.state == "failed" and (child.id in task.cause or child.cause in task.cause):
            return f" (its child {child.id} of agent '{child.agent}' failed first)"
    return ""


def _spent(task: TaskRecord) -> str:
    """Where the time of a task went that was over its deadline."""
    waits = _waits(task, task.ended or task.last)
    if not waits:
        return "it never ran"
    parts = sorted(waits.items(), key=lambda item: -item[1])
    return "it spent " + ", ".join(f"{duration(seconds)} {name}" for name, seconds in parts)


def _waits(task: TaskRecord, now: float) -> dict[str, float]:
    """Seconds by what it waited for, over all attempts."""
    found: dict[str, float] = {}
    until = task.ended or now
    for attempt in task.attempts:
        end = attempt.ended or until
        due = min(end, attempt.queued + attempt.delay)
        _add(found, "in back-off", due - attempt.queued)
        _add(found, "in line", min(end, attempt.scheduled or end) - due)
        if attempt.began is not None:
            _add(found, "with its agent", end - attempt.began)
    for call in task.calls:
        _add(found, f"in {_NAMES[call.what]} {call.name}", (call.ended or until) - call.began)
    return found


_NAMES = {"tool": "tool", "llm": "model"}


def _add(found: dict[str, float], name: str, seconds: float) -> None:
    if seconds > 0:
        found[name] = found.get(name, 0.0) + seconds

"""A new run that goes on from where another one was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from retinue.actors.past import Origin, Past
from retinue.bus.codec import decode, encode_value
from retinue.bus.envelope import Event
from retinue.bus.errors import InvalidInput
from retinue.bus.journal import EventStore, Filter
from retinue.bus.messages import (
    LlmCalled,
    LlmReturned,
    SubmitTask,
    TaskSubmitted,
    ToolCalled,
    ToolReturned,
)

from .asking.source import whole_run
from .handles import TaskHandle
from .submission import Submission
from .tree import Tree

__all__ = ["answers_of", "fork", "past_of"]


def fork(
    tree: Tree, run: str, at: int | None, input: Mapping[str, Any] | None, timeout: float
) -> TaskHandle:
    """As ``Kernel.fork``."""
    events = whole_run(tree.store, run)
    origin = Origin(run, _place(events, at))
    root = next(event for event in events if event.type == "task.submitted")
    body = _again(root, input)
    new = tree.ids.make("r")
    tree.pasts.begin(new, origin, answers_of(events, origin.at))
    try:
        return Submission(tree, root.agent, body, new).handle(timeout)
    except BaseException:
        tree.pasts.forget(new)
        raise


def past_of(store: EventStore, origin: Origin) -> dict[str, Past]:
    """The past of a run that an earlier start began: empty when it is no longer kept."""
    return answers_of(store.read(0, Filter(run=origin.run)), origin.at)


def answers_of(events: Iterable[Event], at: int) -> dict[str, Past]:
    """What each place below the root task (``2/1``, the root's is empty) was answered by then."""
    places: dict[str, str] = {}
    pasts: dict[str, Past] = {}
    tools: dict[str, ToolCalled] = {}
    models: dict[str, LlmCalled] = {}
    for event in events:
        if event.seq > at:
            break
        body = event.envelope.body
        if event.type == "task.submitted":
            places[event.task] = _below(decode(body, TaskSubmitted), places)
            continue
        if event.type == "tool.called":
            called = decode(body, ToolCalled)
            tools[called.call] = called
        elif event.type == "llm.called":
            asked = decode(body, LlmCalled)
            models[asked.call] = asked
        elif event.type in ("tool.returned", "llm.returned"):
            past = pasts.setdefault(places.get(event.task, ""), Past())
            _keep(past, event, tools, models)
    return pasts


def _keep(
    past: Past, event: Event, tools: Mapping[str, ToolCalled], models: Mapping[str, LlmCalled]
) -> None:
    """Keep an answer, unless the call was broken off before it came."""
    if event.type == "tool.returned":
        answer = decode(event.envelope.body, ToolReturned)
        called = tools.get(answer.call)
        if called is not None and (answer.ok or not answer.error.startswith("CancelledError")):
            past.keep_tool(called.tool, bytes(called.args), answer)
        return
    said = decode(event.envelope.body, LlmReturned)
    asked = models.get(said.call)
    if asked is not None and said.pieces is not None and said.error != "CancelledError":
        past.keep_model(asked.prompt, said)


def _below(body: TaskSubmitted, places: Mapping[str, str]) -> str:
    if not body.parent:
        return ""
    above = places.get(body.parent, "")
    return f"{above}/{body.ordinal}".lstrip("/")


def _place(events: list[Event], at: int | None) -> int:
    first, last = events[0].seq, events[-1].seq
    if at is None:
        return last
    if not first <= at <= last:
        raise InvalidInput(
            f"event {at} is outside of run {events[0].run}: give one from {first} to {last}"
        )
    return at


def _again(root: Event, input: Mapping[str, Any] | None) -> SubmitTask:
    """The submission of a run's root task, once more."""
    was = decode(root.envelope.body, TaskSubmitted)
    given = was.input
    if input is not None:
        given = msgspec.Raw(encode_value(dict(input), f"the input for {root.agent!r}"))
    seconds = None if was.deadline is None else was.deadline - root.time
    return SubmitTask(
        given,
        was.priority,
        seconds,
        attempts=was.attempts,
        attempt_timeout=was.attempt_timeout,
        fairness=was.fairness,
    )

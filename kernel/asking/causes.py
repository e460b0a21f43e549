"""The causal chain of an event, back to the submission that began it all. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from retinue.bus.envelope import Event

from ..text import duration, log_data, shown

__all__ = ["Cause", "chain", "described"]

MOST = 200
"""Links that a chain may have; a run is rarely nested that deep."""


class Cause(msgspec.Struct, frozen=True, omit_defaults=True):
    """One link. ``implied``: the header names a command, which is not kept; what came before stands in."""

    seq: int
    time: float
    type: str
    id: str
    text: str
    task: str = ""
    agent: str = ""
    implied: bool = False


def chain(events: Sequence[Event], last: Event) -> list[Cause]:
    """From the oldest cause to ``last`` itself; ``events`` are those of its run, in order."""
    by_id = {event.id: event for event in events}
    parents = {e.task: e.data.get("parent", "") for e in events if e.type == "task.submitted"}
    links = [_link(last)]
    event: Event | None = last
    while event is not None and len(links) < MOST:
        before = by_id.get(event.envelope.cause)
        implied = before is None or before.seq >= event.seq
        event = _before(events, event, parents) if implied else before
        if event is not None:
            links.append(_link(event, implied=implied))
    return links[::-1]


def described(event: Event) -> str:
    """One line that says what an event states, and who decided."""
    body = event.data
    teller = _TELLERS.get(event.type)
    return teller(body) if teller is not None else log_data(body, 120)


def _link(event: Event, *, implied: bool = False) -> Cause:
    return Cause(
        event.seq,
        event.time,
        event.type,
        event.id,
        described(event),
        event.task,
        event.agent,
        implied,
    )


def _before(events: Sequence[Event], event: Event, parents: Mapping[str, str]) -> Event | None:
    """What came before within the task; before a child's submission, what its parent did last."""
    if event.type in ("run.started", "kernel.started") or not event.task:
        return None
    if event.type == "task.submitted":
        parent = parents.get(event.task, "")
        return _latest(events, event.seq, parent, ("task.running",)) if parent else None
    return _latest(events, event.seq, event.task, _MILESTONES)


_MILESTONES = ("task.submitted", "task.queued", "task.scheduled", "task.running")


def _latest(
    events: Sequence[Event], before: int, task: str, types: tuple[str, ...]
) -> Event | None:
    found = (e for e in reversed(events) if e.seq < before and e.task == task and e.type in types)
    return next(found, None)


def _submitted(body: dict[str, Any]) -> str:
    parent = f" by {body['parent']}" if body.get("parent") else ""
    return (
        f"submitted{parent} with priority {body.get('priority', 5)}, input {shown(body['input'])}"
    )


def _queued(body: dict[str, Any]) -> str:
    delay = body.get("delay", 0.0)
    after = f", after a back-off of {duration(delay)}" if delay else ""
    return f"put in line for attempt {body.get('attempt', 1)}{after}"


def _scheduled(body: dict[str, Any]) -> str:
    waited = duration(body.get("waited", 0.0))
    return f"chosen by policy {body['policy']} after {waited}: {body['reason']}"


def _attempt_failed(body: dict[str, Any]) -> str:
    retry = duration(body.get("retry_in", 0.0))
    return f"attempt {body['attempt']} failed: {body['kind']}: {body['cause']}; again in {retry}"


def _stalled(body: dict[str, Any]) -> str:
    return f"no progress in {body['what']} for {duration(body['seconds'])}: {body['action']}"


def _cancel_requested(body: dict[str, Any]) -> str:
    by = f" by {body['by']}" if body.get("by") else ""
    return f"a cancel was asked for{by}: {body['reason']}"


def _failed(body: dict[str, Any]) -> str:
    return f"failed after {body.get('attempts', 1)} attempt(s): {body['kind']}: {body['cause']}"


def _asked(body: dict[str, Any]) -> str:
    return (
        f"{body['action']} {body['resource']} waits for the word of {' or '.join(body['who'])}, "
        f"by rule {body['rule']}, as approval {body['approval']}"
    )


def _answer(word: str) -> Callable[[dict[str, Any]], str]:
    def told(body: dict[str, Any]) -> str:
        by = f" by {body['by']}" if body.get("by") else ""
        reason = f": {body['reason']}" if body.get("reason") else ""
        return f"approval {body['approval']} {word}{by}{reason}"

    return told


def _refused(body: dict[str, Any]) -> str:
    whom = ", ".join(body.get("principals", ()))
    action = f"{body.get('action', '')} {body.get('resource', '')}".strip()
    return f"{whom} may not {action}: rule {body['rule']} ({body['layer']})"


_TELLERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "run.started": lambda _: "the run began",
    "task.submitted": _submitted,
    "task.queued": _queued,
    "task.scheduled": _scheduled,
    "task.running": lambda body: f"the agent began attempt {body.get('attempt', 1)}",
    "task.attempt_failed": _attempt_failed,
    "task.stalled": _stalled,
    "task.cancel_requested": _cancel_requested,
    "task.succeeded": lambda body: f"succeeded after {duration(body.get('seconds', 0.0))}",
    "task.failed": _failed,
    "task.cancelled": lambda body: f"cancelled: {body['reason']}",
    "approval.requested": _asked,
    "approval.granted": _answer("was granted"),
    "approval.denied": _answer("was denied"),
    "approval.expired": _answer("expired"),
    "approval.used": _answer("was used"),
    "security.denied": _refused,
    "task.outcome_unknown": lambda body: f"outcome unknown: {body['cause']}",
}

"""What waits for somebody's word, as the journal tells of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from retinue.bus.envelope import Event

from .records import ApprovalRecord, TaskRecord

__all__ = ["take_answer", "take_request"]


def take_request(tasks: Mapping[str, TaskRecord], event: Event) -> None:
    """A call of a task waits from now on."""
    body = event.data
    task = tasks.get(event.task)
    if task is not None:
        who = tuple(body["who"])
        words = (body["approval"], event.task, body["resource"], body["rule"], who)
        task.approvals.append(ApprovalRecord(*words, event.time, body["expires"]))


def take_answer(tasks: Mapping[str, TaskRecord], event: Event) -> None:
    """A grant waits for its call; after anything else it is over."""
    body = event.data
    task = tasks.get(event.task)
    if task is None:
        return
    if event.type == "approval.granted":
        for approval in task.approvals:
            approval.by = body["by"] if approval.id == body["approval"] else approval.by
    else:
        task.approvals = [one for one in task.approvals if one.id != body["approval"]]

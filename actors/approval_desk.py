"""What the Approver and those who ask it have in common: messages, and who waits for what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from retinue.bus.envelope import Event
from retinue.bus.errors import Denied
from retinue.bus.messages import TERMINAL_RUN, TERMINAL_TASK

from .approvals import Approval, Approvals
from .runtime import Future
from .runtime.future import VALUE

__all__ = ["PATIENCE", "Desk", "GoOn", "Over", "RequestApproval", "UseApproval", "denied", "settle"]

PATIENCE = 60.0
"""Seconds beyond an approval's own until its answer has to be committed."""


class RequestApproval(msgspec.Struct, frozen=True):
    """Asks for a word; answered with the approval's id once it is granted, or with ``Denied``."""

    run: str
    task: str
    agent: str
    trace: str
    action: str
    resource: str
    principals: tuple[str, ...]
    rule: str
    who: tuple[str, ...]
    seconds: float
    digest: str
    key: str
    args: bytes


class UseApproval(msgspec.Struct, frozen=True):
    """A call with that digest is about to go on; answered once that is committed, or ``Denied``."""

    approval: str
    digest: str


class GoOn(msgspec.Struct, frozen=True):
    """The kernel has started: what waited then waits on."""


class Over(msgspec.Struct, frozen=True):
    """Tasks and runs that ended."""

    tasks: tuple[str, ...]
    runs: tuple[str, ...]


class Desk:
    """What outlives a restart of the actor: the table, and who waits. Its listener is on any thread."""

    def __init__(self, table: Approvals) -> None:
        """``table`` was folded from the journal."""
        self.table = table
        self.waiting: dict[str, list[Future[str]]] = {}
        self.begun = False

    def committed(self, events: Sequence[Event], tell: Callable[[Any], None]) -> None:
        """Tell the actor of ends, while anything is known that they could be the end of."""
        if not self.table.any:
            return
        tasks = tuple(event.task for event in events if event.type in TERMINAL_TASK)
        runs = tuple(event.run for event in events if event.type in TERMINAL_RUN)
        if tasks or runs:
            tell(Over(tasks, runs))


def settle(waiting: Future[str], approval: Approval) -> None:
    """Tell one who waits what became of it."""
    if approval.state == "granted":
        waiting.settle(VALUE, approval.id)
    elif approval.state == "denied":
        waiting.fail(denied(approval))
    else:
        waiting.fail(
            Denied(
                approval.rule,
                approval.resource,
                f"approval {approval.id} of {approval.resource!r} expired: {approval.reason}",
            )
        )


def denied(approval: Approval) -> Denied:
    """What whoever asked is told of a denial."""
    reason = f": {approval.reason}" if approval.reason else ""
    return Denied(
        approval.rule,
        approval.resource,
        f"{approval.by} denied {approval.resource!r} (approval {approval.id}){reason}",
    )

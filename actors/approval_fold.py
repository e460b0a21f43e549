"""Approvals as a fold over their events. Pure."""

from __future__ import annotations

from collections.abc import Callable

from retinue.bus.codec import decode
from retinue.bus.envelope import Envelope
from retinue.bus.messages import (
    ApprovalDenied,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRequested,
    ApprovalUsed,
)

from .approvals import Approval, Approvals

__all__ = ["APPROVAL_STEPS"]


def requested(table: Approvals, event: Envelope) -> None:
    """A call waits."""
    body = decode(event.body, ApprovalRequested)
    table.put(
        Approval(
            body.approval,
            event.run,
            event.task,
            event.agent,
            body.action,
            body.resource,
            body.principals,
            body.rule,
            body.who,
            event.time,
            body.expires,
            body.digest,
            body.key,
            bytes(body.args),
            trace=event.trace,
        )
    )


def granted(table: Approvals, event: Envelope) -> None:
    """Somebody said yes."""
    body = decode(event.body, ApprovalGranted)
    table.settle(body.approval, "granted", event.time, body.by, body.reason)


def denied(table: Approvals, event: Envelope) -> None:
    """Somebody said no."""
    body = decode(event.body, ApprovalDenied)
    table.settle(body.approval, "denied", event.time, body.by, body.reason)


def expired(table: Approvals, event: Envelope) -> None:
    """Nobody said anything."""
    body = decode(event.body, ApprovalExpired)
    table.settle(body.approval, "expired", event.time, reason=body.reason)


def used(table: Approvals, event: Envelope) -> None:
    """Its call went on."""
    table.settle(decode(event.body, ApprovalUsed).approval, "used", event.time)


APPROVAL_STEPS: dict[str, Callable[[Approvals, Envelope], None]] = {
    "approval.requested": requested,
    "approval.granted": granted,
    "approval.denied": denied,
    "approval.expired": expired,
    "approval.used": used,
}
"""What each event does to the table."""

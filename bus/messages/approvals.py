"""Approvals: calls that wait for somebody's word."""

from __future__ import annotations

from msgspec import Raw

from .base import Command, Event

__all__ = [
    "ApprovalDenied",
    "ApprovalExpired",
    "ApprovalGranted",
    "ApprovalRequested",
    "ApprovalUsed",
    "DenyApproval",
    "GrantApproval",
]


class GrantApproval(Command, frozen=True):
    """To the Approver: let the call go on. ``by`` is who says so."""

    approval: str
    by: str
    reason: str = ""


class DenyApproval(Command, frozen=True):
    """To the Approver: refuse the call. ``by`` is who says so."""

    approval: str
    by: str
    reason: str = ""


class ApprovalRequested(Event, frozen=True, tag="approval.requested"):
    """A call waits for the word of one of ``who``, because ``rule`` says so; until ``expires``.

    It is bound to this very request: ``digest`` is the SHA-256, in hex, of action, resource,
    principals and ``args``, and ``key`` is the call's place in its run. ``expires`` is in seconds
    since the epoch.
    """

    approval: str
    action: str
    resource: str
    principals: tuple[str, ...]
    rule: str
    who: tuple[str, ...]
    expires: float
    digest: str
    key: str
    args: Raw = Raw(b"null")


class ApprovalGranted(Event, frozen=True, tag="approval.granted"):
    """``by`` let the call go on; it may, once."""

    approval: str
    by: str
    reason: str = ""


class ApprovalDenied(Event, frozen=True, tag="approval.denied"):
    """``by`` refused the call, and with it every same request of its run."""

    approval: str
    by: str
    reason: str = ""


class ApprovalExpired(Event, frozen=True, tag="approval.expired"):
    """Nobody said yes in time, or nobody waits for it any more: that is a no."""

    approval: str
    reason: str


class ApprovalUsed(Event, frozen=True, tag="approval.used"):
    """The call that it was granted for goes on; it counts for no other."""

    approval: str

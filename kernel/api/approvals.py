"""Calls that wait for somebody's word: which, and what is said."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from retinue.bus.views import ApprovalView

from .router import Body, Call, Query, Route

__all__ = ["ROUTES"]


class Which(Query, frozen=True):
    """Those in a state, newest first; ``open`` are those that may still lead to a call."""

    state: str | None = None
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 100


class Word(Body, frozen=True):
    """Why, for those who read the events later."""

    reason: Annotated[str, Meta(max_length=2_000)] = ""


def listing(call: Call) -> list[ApprovalView]:
    """Approvals, newest first."""
    found: list[ApprovalView] = call.kernel.approvals(call.query.state, call.query.limit)
    return found


def show(call: Call) -> ApprovalView:
    """One approval."""
    found: ApprovalView = call.kernel.approval(call.params["id"])
    return found


def grant(call: Call) -> ApprovalView:
    """Let the call go on, once: the daemon's own user is the operator, and nobody else gets here."""
    found: ApprovalView = call.kernel.approve(call.params["id"], reason=call.body.reason)
    return found


def deny(call: Call) -> ApprovalView:
    """Refuse the call, and each that is the same in its run."""
    found: ApprovalView = call.kernel.deny(call.params["id"], reason=call.body.reason)
    return found


ROUTES = (
    Route("GET", "/v1/approvals", listing, Which),
    Route("GET", "/v1/approvals/{id}", show),
    Route("POST", "/v1/approvals/{id}/grant", grant, body=Word),
    Route("POST", "/v1/approvals/{id}/deny", deny, body=Word),
)

"""Calls that wait for somebody's word: which, and what is said."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from retinue.bus.views import ApprovalView

from ..answering import OPERATOR
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
    """Let the call go on, once. A token answers by its own name where that is asked for."""
    found: ApprovalView = call.kernel.approve(call.params["id"], *_word(call))
    return found


def deny(call: Call) -> ApprovalView:
    """Refuse the call, and each that is the same in its run."""
    found: ApprovalView = call.kernel.deny(call.params["id"], *_word(call))
    return found


def _word(call: Call) -> tuple[str, str]:
    """Who says it, and why: as an operator, whose token is then named in the reason."""
    approval: ApprovalView = call.kernel.approval(call.params["id"])
    name, reason = call.caller.name, call.body.reason
    if call.caller.token is None:
        return OPERATOR, reason
    if name in approval.who:
        return name, reason
    return OPERATOR, f"{reason} (token {name})".strip()


ROUTES = (
    Route("GET", "/v1/approvals", listing, Which, role="viewer"),
    Route("GET", "/v1/approvals/{id}", show, role="viewer"),
    Route("POST", "/v1/approvals/{id}/grant", grant, body=Word, role="operator"),
    Route("POST", "/v1/approvals/{id}/deny", deny, body=Word, role="operator"),
)

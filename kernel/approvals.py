"""Calls that wait for somebody's word: what can be asked of them, and how they are answered."""

from __future__ import annotations

from retinue.actors.approvals import OPEN, approval_view
from retinue.bus.errors import InvalidInput
from retinue.bus.messages import DenyApproval, GrantApproval
from retinue.bus.views import ApprovalView

from .tree import Tree

__all__ = ["answer", "listed", "one"]

STATES = ("requested", "granted", "denied", "expired", "used")


def listed(tree: Tree, state: str | None, limit: int) -> list[ApprovalView]:
    """The newest first; ``open`` are those that may still lead to a call."""
    if state not in (None, "open", *STATES):
        raise InvalidInput(f"no approval is {state!r}: use open, {', '.join(STATES)}")
    now = tree.clock.time()
    found = (approval_view(approval, now) for approval in reversed(tree.desk.table.all()))
    wanted = OPEN if state == "open" else STATES if state is None else (state,)
    return [view for view in found if view.state in wanted][:limit]


def one(tree: Tree, approval: str) -> ApprovalView:
    """One; raises ``NotFound``."""
    return approval_view(tree.desk.table.find(approval), tree.clock.time())


def answer(
    tree: Tree, approval: str, by: str, reason: str, timeout: float, *, grant: bool
) -> ApprovalView:
    """Grant or deny; committed when this returns."""
    kind = GrantApproval if grant else DenyApproval
    command = tree.scribe.write(kind(approval, by, reason))
    view: ApprovalView = tree.approver.ask(command, timeout=timeout)
    return view

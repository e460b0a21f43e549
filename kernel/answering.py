"""What a kernel is told about calls that wait for somebody's word."""

from __future__ import annotations

from retinue.bus.views import ApprovalView

from . import approvals
from .tree import Tree

__all__ = ["Answering"]

OPERATOR = "operator"


class Answering:
    """The part of ``Kernel`` that grants and denies. Any thread may use it."""

    @property
    def _live(self) -> Tree:
        raise NotImplementedError

    def approvals(self, state: str | None = "open", limit: int = 100) -> list[ApprovalView]:
        """Calls that wait for somebody's word, newest first; ``None`` for those that did, too."""
        return approvals.listed(self._live, state, limit)

    def approval(self, approval: str) -> ApprovalView:
        """One; raises ``NotFound``."""
        return approvals.one(self._live, approval)

    def approve(
        self, approval: str, by: str = OPERATOR, reason: str = "", timeout: float = 30.0
    ) -> ApprovalView:
        """Let the call go on, once. ``by`` is whoever the program has made sure of.

        Raises ``NotFound``, and ``InvalidInput`` for what was answered or is over, or when ``by``
        may not answer.
        """
        return approvals.answer(self._live, approval, by, reason, timeout, grant=True)

    def deny(
        self, approval: str, by: str = OPERATOR, reason: str = "", timeout: float = 30.0
    ) -> ApprovalView:
        """Refuse the call, and each that is the same in its run; raises as ``approve`` does."""
        return approvals.answer(self._live, approval, by, reason, timeout, grant=False)

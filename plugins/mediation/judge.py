"""What is asked besides a plugin's grant, at each request: the operator's rules, and people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from retinue.bus.errors import Denied

from ..hosting.calls import CallContext

__all__ = ["Approve", "GrantsAlone", "Judge", "NobodyApproves"]

Value = str | int | bool


class Judge(Protocol):
    """The rules that hold beside grants, for everyone in the chain of a call."""

    async def allow(
        self, call: CallContext, action: str, resource: str, context: Mapping[str, Value]
    ) -> None:
        """Raise ``Denied`` unless each principal of the call may do this.

        ``action`` is one of ``call``, ``submit``, ``fetch``, ``read``, ``write``, ``kernel``;
        ``resource`` a tool, agent, host, path or kernel action.
        """


class GrantsAlone:
    """No rules beside grants."""

    async def allow(
        self, call: CallContext, action: str, resource: str, context: Mapping[str, Value]
    ) -> None:
        """Whatever the grant covers."""


class Approve(Protocol):
    """A person's word for what no grant is enough for."""

    async def approved(
        self, call: CallContext, action: str, resource: str, detail: Mapping[str, object]
    ) -> None:
        """Return once somebody who may approves exactly this; raises ``Denied`` otherwise."""


class NobodyApproves:
    """Nobody can be asked: denied."""

    async def approved(
        self, call: CallContext, action: str, resource: str, detail: Mapping[str, object]
    ) -> None:
        """Raise ``Denied``."""
        raise Denied(
            "approval.none",
            resource,
            f"{action} {resource!r} needs somebody's approval, and nobody can be asked here",
        )

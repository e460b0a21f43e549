"""The operator's policy as the mediator of plugins asks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from retinue.plugins.hosting.calls import CallContext
from retinue.plugins.policy import Action, Policy, Request, refusal

__all__ = ["PolicyJudge"]


class PolicyJudge:
    """Implements ``Judge``. A rule that asks a person denies here: such a request cannot wait."""

    def __init__(self, policy: Policy) -> None:
        """``policy`` decides for each principal of the chain."""
        self._policy = policy

    async def allow(
        self,
        call: CallContext,
        action: str,
        resource: str,
        context: Mapping[str, str | int | bool],
    ) -> None:
        """As ``Judge.allow``."""
        request = Request(
            cast(Action, action),
            resource,
            call.principals.chain,
            tuple(context.items()),
            call.grant.digest,
        )
        decision = self._policy.authorise(request)
        if decision.effect != "allow":
            raise refusal(request, decision)

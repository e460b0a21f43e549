"""What a plugin's process asks for, decided by the operator's policy, and by people where it says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from retinue.bus.codec import encode_value
from retinue.plugins.hosting.calls import CallContext
from retinue.plugins.policy import Policy, Request, refusal

from .approval_desk import PATIENCE, RequestApproval, UseApproval
from .approvals import request_digest
from .runtime import ActorRef

__all__ = ["ApprovedByPeople", "JudgedByPolicy"]

Value = str | int | bool
OPERATOR = ("operator",)


class ApprovedByPeople:
    """Implements ``Approve``: somebody has to say yes to exactly this, and it counts once."""

    def __init__(
        self,
        approver: Callable[[], ActorRef[Any]],
        make_id: Callable[[str], str],
        redact: Callable[[bytes], bytes],
        seconds: float,
    ) -> None:
        """``redact`` replaces secrets in JSON; an answer is waited for ``seconds``."""
        self._approver = approver
        self._make_id = make_id
        self._redact = redact
        self._seconds = seconds

    async def approved(
        self, call: CallContext, action: str, resource: str, detail: Mapping[str, object]
    ) -> None:
        """As ``Approve.approved``. It does not outlive the process that asks."""
        await self.asked(call, action, resource, detail, f"approve.{action}", OPERATOR, 0.0)

    async def asked(
        self,
        call: CallContext,
        action: str,
        resource: str,
        detail: Mapping[str, object],
        rule: str,
        who: tuple[str, ...],
        seconds: float,
    ) -> None:
        """The same for a rule of the policy; 0 seconds are those that were configured."""
        chain = call.principals.chain
        args = self._redact(encode_value(dict(detail), f"what is asked of {resource}"))
        digest = request_digest(action, resource, chain, args)
        seconds = seconds or self._seconds
        asked = RequestApproval(
            call.run,
            call.task,
            call.principals.agent,
            "",
            action,
            resource,
            chain,
            rule,
            who,
            seconds,
            digest,
            self._make_id("k"),
            args,
        )
        approver = self._approver()
        approval = await approver.ask(asked, block=False, timeout=seconds + PATIENCE)
        use = UseApproval(approval, digest)
        await approver.ask(use, block=False, timeout=PATIENCE)


class JudgedByPolicy:
    """Implements ``Judge``: every principal of the chain has to be permitted."""

    def __init__(self, policy: Policy, people: ApprovedByPeople) -> None:
        self._policy = policy
        self._people = people

    async def allow(
        self, call: CallContext, action: str, resource: str, context: Mapping[str, Value]
    ) -> None:
        """As ``Judge.allow``; waits where a rule asks for somebody's word."""
        request = msgspec.convert(
            {
                "action": action,
                "resource": resource,
                "principals": call.principals.chain,
                "context": tuple(sorted(context.items())),
                "grant": call.grant.digest,
            },
            Request,
        )
        decision = self._policy.authorise(request)
        if decision.effect == "deny":
            raise refusal(request, decision)
        if decision.effect == "ask":
            await self._people.asked(
                call, action, resource, context, decision.rule, decision.who, decision.seconds
            )

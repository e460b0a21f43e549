"""Authorise: the operator's policy decides, and where it says so a person does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from retinue.bus.errors import Denied
from retinue.bus.messages import SecurityDenied, ToolReturned
from retinue.bus.redact import is_withheld
from retinue.plugins import Tool
from retinue.plugins.policy import Decision, Policy, Request, refusal

from ..approval_desk import PATIENCE, RequestApproval, UseApproval
from ..approvals import request_digest
from ..runtime import ActorRef
from ..tool_threads import line_of
from .invocation import Invocation, waiting
from .tracing import called

__all__ = ["Authorise", "denial"]


class Authorise:
    """Every call is decided anew; one that is denied is written down like any other that failed."""

    name = "authorise"

    def __init__(
        self,
        policy: Policy,
        approver: Callable[[], ActorRef[Any]],
        make_id: Callable[[str], str],
    ) -> None:
        """``approver`` is the actor that waits for a person's word."""
        self._policy = policy
        self._approver = approver
        self._make_id = make_id

    def applies(self, tool: Tool) -> bool:
        """To every call, once there is a policy."""
        return True

    async def process(
        self, call: Invocation, proceed: Callable[[Invocation], Awaitable[Any]]
    ) -> Any:
        """Go on, wait for a word, or raise ``Denied``."""
        tool = call.tool
        request = Request("call", tool.name, call.principals, (("effect", tool.effect),))
        decision = self._policy.authorise(request)
        call.rule = decision.rule
        try:
            if decision.effect == "deny":
                raise refusal(request, decision)
            if decision.effect == "ask":
                await self._approved(call, request, decision)
        except Denied as error:
            self._refused(call, request, error)
            raise
        return await proceed(call)

    async def _approved(self, call: Invocation, request: Request, decision: Decision) -> None:
        """Wait until somebody said yes to this very call, then use that up."""
        caller, tool = call.caller, call.tool
        digest = request_digest(request.action, request.resource, request.principals, call.public)
        asked = RequestApproval(
            caller.run,
            caller.task,
            caller.agent,
            "",
            request.action,
            request.resource,
            request.principals,
            decision.rule,
            decision.who,
            decision.seconds,
            digest,
            self._key(call),
            call.public,
        )
        approver, patience = self._approver(), decision.seconds + PATIENCE
        with waiting(caller, f"approval of tool {tool.name}"):
            approval = await approver.ask(asked, block=False, timeout=patience)
            await approver.ask(UseApproval(approval, digest), block=False, timeout=PATIENCE)

    def _key(self, call: Invocation) -> str:
        """The call's place in its run, so that the next attempt finds what this one asked for.

        Arguments with secrets are the same on paper and may differ: their approval is for this
        attempt alone.
        """
        if is_withheld(call.public):
            return self._make_id("k")
        tool = call.tool.name
        return call.effect or call.caller.effect_id(tool, call.public) or self._make_id("k")

    def _refused(self, call: Invocation, request: Request, error: Denied) -> None:
        """An event for the operator, and the call with its end for whoever reads the run."""
        caller = call.caller
        caller.emit(denial(request, error))
        call.call = self._make_id("c")
        caller.emit(called(call))
        told = line_of(error)
        caller.emit(ToolReturned(call.call, call.tool.name, ok=False, seconds=0.0, error=told))


def denial(request: Request, error: Denied) -> SecurityDenied:
    """The event for the operator."""
    told = str(error)[:1000]
    names = request.principals, request.action, request.resource
    return SecurityDenied(error.rule, "policy", *names, told)

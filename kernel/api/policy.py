"""The operator's rules: which hold, and what they say of one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from retinue.bus.errors import NotFound
from retinue.plugins.policy import Action, Decision, Request

from .router import Body, Call, Route

if TYPE_CHECKING:
    from retinue.plugins.policy.cedar import CedarPolicy

__all__ = ["ROUTES"]

Text = Annotated[str, Meta(max_length=1_000)]
Principal = Annotated[str, Meta(pattern=r"^(agent|plugin|user):.{1,128}\Z", max_length=200)]


class RuleView(msgspec.Struct, frozen=True):
    """One rule. With ``who`` one of them is asked, and has ``seconds`` to say yes."""

    name: str
    effect: Literal["permit", "forbid"]
    who: tuple[str, ...]
    seconds: float


class PolicyView(msgspec.Struct, frozen=True):
    """The policy in force; ``version`` is a digest of its rules.

    ``state`` is ``off`` where no file is named: then what agents and plugins were given decides.
    ``approval`` is how many seconds a call waits for somebody's word, unless its rule says so.
    """

    state: Literal["on", "off"]
    version: str
    approval: float
    rules: tuple[RuleView, ...]


class Question(Body, frozen=True):
    """May these ``principals`` do this, the nearest first, as ``agent:NAME``? See `Write a policy`."""

    resource: Annotated[str, Meta(min_length=1, max_length=1_000)]
    principals: Annotated[tuple[Principal, ...], Meta(min_length=1, max_length=20)]
    action: Action = "call"
    context: Annotated[dict[Text, Text | int | bool], Meta(max_length=20)] = {}


def show(call: Call) -> PolicyView:
    """The rules that hold."""
    policy, approval = _rules(call), call.kernel.config.policy.approval
    if policy is None:
        return PolicyView("off", "", approval, ())
    rules = (
        RuleView(rule.name, rule.effect, rule.ask, rule.seconds or approval if rule.ask else 0.0)
        for rule in policy.rules
    )
    return PolicyView("on", policy.version, approval, tuple(rules))


def explain(call: Call) -> Decision:
    """What the rules say of a request, and which of them; nothing is done."""
    policy = _rules(call)
    if policy is None:
        raise NotFound("no policy is configured: name its file in policy.file")
    asked: Question = call.body
    context = tuple(sorted(asked.context.items()))
    return policy.decide(Request(asked.action, asked.resource, asked.principals, context))


def _rules(call: Call) -> CedarPolicy | None:
    """The policy, where it has rules: one that a replay recorded has none."""
    policy = call.kernel.policy
    if policy is None:
        return None
    from retinue.plugins.policy.cedar import CedarPolicy  # late: not every kernel has Cedar

    return policy if isinstance(policy, CedarPolicy) else None


ROUTES = (
    Route("GET", "/v1/policy", show, role="viewer"),
    Route("POST", "/v1/policy/explain", explain, body=Question, role="viewer"),
)

"""What a policy is asked, and what it answers: plain data, and no engine."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from retinue.bus.errors import Denied

__all__ = ["Action", "Decision", "Policy", "Request", "refusal"]

Action = Literal["call", "submit", "load", "fetch", "read", "write", "kernel"]
"""Call a tool, submit a task to an agent, load a plugin, fetch over HTTP, read or write a file, or
have the kernel do something for a plugin."""

Value = str | int | bool


class Request(msgspec.Struct, frozen=True):
    """May these principals do this? Each of them has to be allowed to.

    ``principals`` are the chain on whose behalf it is done, as ``plugin:x``, ``agent:y``,
    ``user:z``, the nearest first. ``resource`` names a tool, agent, plugin, host, absolute path or
    kernel action. ``context`` says more of it, see ``schema``. ``grant`` is the digest of the
    plugin's grant, where there is one.
    """

    action: Action
    resource: str
    principals: tuple[str, ...]
    context: tuple[tuple[str, Value], ...] = ()
    grant: str = ""


class Decision(msgspec.Struct, frozen=True):
    """``rule`` is the ``@id`` of the rule that decided, ``default`` where none permits.

    ``principal`` is the one it turned on. With ``ask`` one of ``who`` has to say yes within
    ``seconds``.
    """

    effect: Literal["allow", "deny", "ask"]
    rule: str
    principal: str = ""
    who: tuple[str, ...] = ()
    seconds: float = 0.0


class Policy(Protocol):
    """The operator's rules. Any thread may ask."""

    version: str
    """The digest of the rules, in hex."""

    def authorise(self, request: Request) -> Decision:
        """Decide; never raises: what cannot be decided is denied."""


def refusal(request: Request, decision: Decision) -> Denied:
    """The error for whoever asked; it names the rule and the principal."""
    whom = decision.principal or ", ".join(request.principals) or "nobody"
    if decision.rule == "default":
        why = "no rule of the policy permits it"
    else:
        why = f"rule {decision.rule!r} of the policy forbids it"
    return Denied(
        decision.rule,
        request.resource,
        f"{whom} may not {request.action} {request.resource!r}: {why}; see `retinue policy explain`",
    )

"""Break: a tool or an agent whose other side is in trouble is left alone for a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import Any

from retinue.bus.errors import CircuitOpen
from retinue.plugins import AgentSpec, Tool
from retinue.plugins.remote_tool import RemoteTool

from .breakers import Breaker, BreakerRule, Outcome, admitted, ended
from .invocation import Invocation
from .retries import is_passing
from .turning import TurnInvocation

__all__ = ["Break"]

MOST_BREAKERS = 10_000
_CLOSED = Breaker()
_PREFIX = {"tools": "", "agents": "agent "}


class Break:
    """One breaker a tool, or agent. All on the agents' loop."""

    name = "break"

    def __init__(
        self,
        rule: BreakerRule,
        globs: tuple[str, ...],
        monotonic: Callable[[], float],
        agents: tuple[str, ...] = (),
    ) -> None:
        """It counts for tools of other processes, and for those that a glob matches; so for ``agents``."""
        self._rule = rule
        self._globs = globs
        self._agents = agents
        self._monotonic = monotonic
        self._breakers: dict[str, Breaker] = {}

    def applies(self, tool: Tool) -> bool:
        """To tools that may break for reasons of their own."""
        named = any(fnmatchcase(tool.name, glob) for glob in self._globs)
        return named or isinstance(tool, RemoteTool)

    def applies_to(self, agent: AgentSpec) -> bool:
        """To agents that a glob matches."""
        return any(fnmatchcase(agent.name, glob) for glob in self._agents)

    async def process(
        self, call: Invocation | TurnInvocation, proceed: Callable[[Any], Awaitable[Any]]
    ) -> Any:
        """Go on, or raise ``CircuitOpen``."""
        name = f"{_PREFIX[call.kind]}{call.name}"
        now = self._monotonic()
        before = self._breakers.get(name, _CLOSED)
        after, goes = admitted(self._rule, before, now)
        if not goes:
            raise CircuitOpen(_told(name, before, self._rule, now))
        trial = before.until
        self._keep(name, after)
        outcome: Outcome = "neutral"
        try:
            result = await proceed(call)
            outcome = "ok"
        except Exception as error:
            outcome = (
                "failed" if is_passing(error) or is_passing(error.__cause__ or error) else "ok"
            )
            raise
        finally:
            known = self._breakers.get(name, _CLOSED)
            self._keep(name, ended(self._rule, known, self._monotonic(), outcome, trial=trial))
        return result

    def _keep(self, name: str, breaker: Breaker) -> None:
        if breaker == _CLOSED:
            self._breakers.pop(name, None)
        elif name in self._breakers or len(self._breakers) < MOST_BREAKERS:
            self._breakers[name] = breaker


def _told(name: str, breaker: Breaker, rule: BreakerRule, now: float) -> str:
    left = max(0.0, (breaker.until or now) - now)
    if left > 0:
        often = f"{rule.failures} times within {rule.window:g} s"
        return f"{name} failed {often}: it is left alone for {left:.1f} s more"
    return f"{name} is being tried after a pause: call again when that came back"

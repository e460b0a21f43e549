"""Limit: calls and turns wait for their token in a bucket, and leave those alone who ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from retinue.bus.errors import RateLimited
from retinue.plugins import AgentSpec, Tool
from retinue.plugins.host.failures import retry_after

from .invocation import Invocation, waiting
from .rates import Bucket, Rate, paused, take
from .turning import TurnInvocation

__all__ = ["Limit", "RateRule"]

MOST_BUCKETS = 10_000


class RateRule(msgspec.Struct, frozen=True):
    """A rate for the tools and agents that match one of the globs; ``each`` is key, tool or agent."""

    tools: tuple[str, ...]
    rate: Rate
    each: str = "key"
    agents: tuple[str, ...] = ()


Limited = Invocation | TurnInvocation


class Limit:
    """One bucket a key. All on the agents' loop."""

    name = "limit"

    def __init__(self, rules: Mapping[str, RateRule], monotonic: Callable[[], float]) -> None:
        """``rules`` by key; a tool or an agent passes the bucket of each that matches it."""
        self._rules = dict(rules)
        self._monotonic = monotonic
        self._buckets: dict[str, Bucket] = {}

    def applies(self, tool: Tool) -> bool:
        """To tools that a rule matches."""
        return bool(self._of("tools", tool.name))

    def applies_to(self, agent: AgentSpec) -> bool:
        """To agents that a rule matches."""
        return bool(self._of("agents", agent.name))

    async def process(self, call: Limited, proceed: Callable[[Any], Awaitable[Any]]) -> Any:
        """Wait for the turn, or raise ``RateLimited``; a 429 on the way back pauses the siblings."""
        keys = [(self._key(key, rule, call), rule) for key, rule in self._of(call.kind, call.name)]
        for key, rule in keys:
            await self._turn(key, rule.rate, call)

        def push_back(seconds: float) -> None:
            for key, _ in keys:
                self._pause(key, seconds)

        call.push_back = push_back
        try:
            return await proceed(call)
        except Exception as error:
            seconds = retry_after(error) or retry_after(error.__cause__ or error)
            if seconds:
                push_back(seconds)
            raise

    async def _turn(self, key: str, rate: Rate, call: Limited) -> None:
        """Those who waited when a pause began wait on: they take their turn anew after it."""
        while True:
            now = self._monotonic()
            bucket, wait = take(rate, self._bucket(key), now)
            self._buckets[key] = bucket
            if wait is None:
                left = max(bucket.paid - now, bucket.paused - now)
                raise RateLimited(
                    f"{call.name}: the rate limit {key!r} has no place for {left:.1f} s, and a "
                    f"call waits {rate.wait:g} s at most: call later, or raise calls.rates"
                )
            if wait > 0:
                with waiting(call.caller, f"the rate limit {key!r}"):
                    await asyncio.sleep(wait)
            if self._monotonic() >= self._bucket(key).paused:
                return

    def _pause(self, key: str, seconds: float) -> None:
        self._buckets[key] = paused(self._bucket(key), self._monotonic(), seconds)

    def _bucket(self, key: str) -> Bucket:
        if len(self._buckets) > MOST_BUCKETS:
            now = self._monotonic()
            full = {k: b for k, b in self._buckets.items() if max(b.paid, b.paused) > now}
            self._buckets = full
        return self._buckets.get(key, Bucket())

    def _of(self, kind: str, name: str) -> list[tuple[str, RateRule]]:
        """``kind`` is ``tools`` or ``agents``."""
        return [
            (key, rule)
            for key, rule in self._rules.items()
            if any(fnmatchcase(name, glob) for glob in getattr(rule, kind))
        ]

    def _key(self, key: str, rule: RateRule, call: Limited) -> str:
        part = {"tool": call.name, "agent": call.whose}.get(rule.each, "")
        return f"{key}:{part}" if part else key

"""Settings of what every call passes on its way: rates, breakers, retries, and the policy."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["BreakerConfig", "CallsConfig", "PolicyConfig", "RateConfig", "RetryConfig"]

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
SecondsOrZero = Annotated[float, Meta(ge=0)]
Texts = tuple[str, ...]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, given by keyword; a misspelt key is an error."""


class RateConfig(_Section, frozen=True):
    """A token bucket that the calls of some tools, and the turns of some agents, share.

    ``tools`` and ``agents`` are names or globs. ``per_second`` calls go through, ``burst`` at once;
    what comes sooner waits, ``wait`` seconds at most. ``each`` makes one bucket for all of them, one
    for each tool, or one for each agent. An answer that asks to be left alone pauses all of a bucket.
    """

    per_second: Annotated[float, Meta(gt=0)]
    tools: Texts = ()
    agents: Texts = ()
    burst: Count = 1
    wait: SecondsOrZero = 30.0
    each: Literal["key", "tool", "agent"] = "key"


class BreakerConfig(_Section, frozen=True):
    """When a tool or an agent is left alone because it, or what it calls, is in trouble.

    It counts for tools that run outside the kernel's process, and for those that ``tools`` names, by
    name or glob; and for the turns of ``agents``. ``failures`` within ``window`` seconds open it:
    calls are refused for ``pause`` seconds, then ``trials`` of them go through to see; when those do
    well it closes.
    """

    enabled: bool = True
    tools: Texts = ()
    agents: Texts = ()
    failures: Count = 5
    window: Seconds = 60.0
    pause: Seconds = 30.0
    trials: Count = 1


class RetryConfig(_Section, frozen=True):
    """How often a call is made before it has failed, where the trouble may pass.

    ``tools`` are names or globs; ``attempts`` counts the first one. ``most`` is the longest wait
    between two, in seconds. A tool whose effect is ``once`` is never called again.
    """

    tools: Texts = ()
    attempts: Count = 3
    most: Seconds = 10.0


class CallsConfig(_Section, frozen=True):
    """What calls of tools and turns of agents pass; ``rates`` are token buckets by key."""

    rates: dict[str, RateConfig] = {}
    breaker: BreakerConfig = BreakerConfig()
    retry: RetryConfig = RetryConfig()


class PolicyConfig(_Section, frozen=True):
    """The operator's rules. Without a ``file`` grants alone decide; with one, they have to permit.

    ``approval`` is how many seconds a call waits for somebody's word, unless its rule says so.
    """

    file: str = ""
    approval: Seconds = 3600.0

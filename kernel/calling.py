"""From the settings to what every call of a tool passes."""

from __future__ import annotations

import random
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, Protocol

from retinue.actors.approval_desk import Desk
from retinue.actors.approver import Approver
from retinue.actors.child_specs import ChildSpec
from retinue.actors.effects import Effects
from retinue.actors.pipeline import Stage
from retinue.actors.pipeline.authorising import Authorise, denial
from retinue.actors.pipeline.breakers import BreakerRule
from retinue.actors.pipeline.breaking import Break
from retinue.actors.pipeline.executing import NEVER, Execute
from retinue.actors.pipeline.invocation import OPERATOR
from retinue.actors.pipeline.limiting import Limit, RateRule
from retinue.actors.pipeline.rates import Rate
from retinue.actors.pipeline.retries import Retry
from retinue.actors.runtime import ActorRef, System
from retinue.actors.scribe import Scribe
from retinue.actors.secrecy import Secrecy
from retinue.actors.task_table import TaskTable
from retinue.actors.toolbox import Toolbox
from retinue.bus.clock import Clock
from retinue.bus.ids import Ids
from retinue.bus.messages import SecurityDenied
from retinue.plugins import Tool
from retinue.plugins.manifest.admission import Admitted
from retinue.plugins.policy import Policy, Request, refusal

from .calls_config import CallsConfig, RetryConfig
from .config import Config

__all__ = ["approver_of", "configured_policy", "loads_of", "permit", "stages_of", "toolbox_of"]


class Parts(Protocol):
    """What is needed of a kernel's tree."""

    config: Config
    clock: Clock
    ids: Ids
    effects: Effects
    secrecy: Secrecy
    policy: Policy | None
    approver: ActorRef[Any]
    scribe: Scribe
    desk: Desk
    table: TaskTable
    system: System


def configured_policy(config: Config) -> Policy | None:
    """The operator's rules, checked; ``None`` where no file is named.

    Raises ``ConfigError`` for a file that cannot be used, ``Unavailable`` without ``cedarpy``.
    """
    if not config.policy.file:
        return None
    from retinue.plugins.policy.cedar import load_policy

    return load_policy(Path(config.policy.file).expanduser(), config.policy.approval)


def permit(
    policy: Policy | None,
    say: Callable[[SecurityDenied], None],
    action: Literal["submit", "load"],
    resource: str,
    context: tuple[tuple[str, str], ...] = (),
) -> None:
    """Raise ``Denied``, and say so, unless the policy lets the operator's program do this.

    For ``load``, ``context`` tells the plugin's digest, runtime and version.
    """
    if policy is None:
        return
    request = Request(action, resource, OPERATOR, context)
    decision = policy.authorise(request)
    if decision.effect != "allow":
        error = refusal(request, decision)
        say(denial(request, error))
        raise error


def loads_of(
    policy: Policy | None, say: Callable[[SecurityDenied], None]
) -> Callable[[Admitted], None]:
    """Whether a plugin may be loaded; raises ``Denied``."""

    def check(admitted: Admitted) -> None:
        manifest = admitted.manifest
        about = {
            "digest": admitted.digest,
            "runtime": manifest.runtime,
            "version": manifest.version,
        }
        permit(policy, say, "load", manifest.name, tuple(about.items()))

    return check


def toolbox_of(tree: Parts) -> Toolbox:
    """The kernel's tools, and what calls of them pass."""
    config, clock, make_id = tree.config, tree.clock, tree.ids.make
    return Toolbox(
        make_id,
        clock.monotonic,
        tree.effects,
        tree.secrecy,
        clock,
        config.limits.result_bytes,
        stages_of(config.calls, tree.policy, lambda: tree.approver, make_id, clock.monotonic),
        execute_of(config.calls, clock),
    )


def approver_of(tree: Parts) -> ChildSpec:
    """Who waits for people's words."""
    args = (tree.scribe, tree.desk, tree.table.is_wanted, tree.system.after)
    return ChildSpec("approver", Approver, args)


def stages_of(
    calls: CallsConfig,
    policy: Policy | None,
    approver: Callable[[], ActorRef[Any]],
    make_id: Callable[[str], str],
    monotonic: Callable[[], float],
) -> list[Stage]:
    """Those before a call is written down, in their order; what is not configured is left out."""
    stages: list[Stage] = []
    if policy is not None:
        stages.append(Authorise(policy, approver, make_id))
    if calls.rates:
        rules = {
            key: RateRule(
                one.tools, Rate(one.per_second, one.burst, one.wait), one.each, one.agents
            )
            for key, one in calls.rates.items()
        }
        stages.append(Limit(rules, monotonic))
    if calls.breaker.enabled:
        said = calls.breaker
        rule = BreakerRule(said.failures, said.window, said.pause, said.trials)
        stages.append(Break(rule, said.tools, monotonic, said.agents))
    return stages


def execute_of(calls: CallsConfig, clock: Clock) -> Execute:
    """The stage that does the call."""
    return Execute(clock.monotonic, clock, _retry(calls.retry), random.SystemRandom().random)


def _retry(said: RetryConfig) -> Callable[[Tool], Retry]:
    retry = Retry(said.attempts, said.most)
    if not said.tools:
        return lambda _: NEVER

    def of(tool: Tool) -> Retry:
        return retry if any(fnmatchcase(tool.name, glob) for glob in said.tools) else NEVER

    return of

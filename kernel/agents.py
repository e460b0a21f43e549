"""Spawning and stopping agents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from retinue.actors.agent import Agent, Retire
from retinue.actors.roster import Entry
from retinue.actors.runtime import Future
from retinue.actors.runtime.future import VALUE
from retinue.actors.scheduler import AgentGone, AgentReady
from retinue.bus.errors import InvalidInput
from retinue.bus.messages import (
    AgentSpawned,
    AgentStopped,
    SecurityDegraded,
    SecurityDenied,
    StopAgent,
)
from retinue.plugins import AgentSpec, Tool
from retinue.plugins.hosting.agent_plan import permissions_of
from retinue.plugins.llm.model import ChatModel
from retinue.plugins.tools import check_name

from .ceiling import refusal
from .tree import Tree

__all__ = ["spawn", "stop_agent"]

_LOWERED = "the operator set [sandbox] agents, or lowered level and minimum"


def spawn(
    tree: Tree,
    name: str,
    agent: AgentSpec | Callable[..., Any],
    isolation: str | None = None,
    tools: Iterable[str | Tool | Callable[..., Any]] | None = None,
    model: str | ChatModel | None = None,
    permissions: Mapping[str, Any] | None = None,
    timeout: float = 30.0,
    level: str = "",
) -> Entry:
    """Start an agent; it takes tasks when this returns, and its event is committed.

    ``level`` is that of the walls around its plugin's process, for one that a plugin brought.
    Raises ``Denied`` for permissions that the operator gives to nobody.
    """
    check_name("agent", name)
    spec = AgentSpec.of(
        agent, name=name, isolation=isolation, tools=tools, model=model, permissions=permissions
    )
    if spec.isolation == "process":
        level = _checked(tree, spec)
    given = tree.toolbox.given(spec.tools)
    tree.roster.check_free(name)
    ref = tree.system.start(
        Agent,
        name,
        spec,
        given,
        spec.model,
        tree.executors,
        tree.services,
        tree.turns,
        tree.states.setdefault(name, {}),
        tree.states.__setitem__,
        name=f"agent:{name}",
    )
    shown = spec.model if isinstance(spec.model, str) else getattr(spec.model, "name", "")
    entry = Entry(name, spec, spec.isolation, tuple(given), shown or "", ref, level=level)
    try:
        tree.roster.add(entry)
    except InvalidInput:
        ref.stop(block=False)
        raise
    tree.scheduler.tell(AgentReady(name, ref, entry.places))
    body = AgentSpawned(
        spec.isolation,
        tuple(given),
        shown or "",
        spec.schema,
        spec.reference or "",
        level,
        None if permissions is None else spec.permissions,
    )
    _commit(tree, name, body, timeout)
    if spec.isolation == "process" and level in ("limits", "baseline"):
        tree.say(SecurityDegraded("", level, "standard", _LOWERED), name)
    return entry


def stop_agent(tree: Tree, name: str, reason: str, timeout: float) -> None:
    """Stop an agent: its open tasks fail with the reason, and its name is free again."""
    entry = tree.roster.remove(name)
    gone: Future[None] = Future()
    entry.ref.monitor(lambda _: gone.settle(VALUE, None))
    tree.scheduler.tell(AgentGone(name))
    tree.orchestrator.tell(tree.scribe.write(StopAgent(reason), agent=name))
    entry.ref.tell(Retire())
    tree.states.pop(name, None)
    gone.get(timeout=timeout)
    _commit(tree, name, AgentStopped(reason), timeout)


def _checked(tree: Tree, spec: AgentSpec) -> str:
    """The level of its process; raises for one that cannot or may not be started."""
    if spec.reference is None:
        raise InvalidInput(
            f"agent {spec.name!r} cannot run in a process of its own: a child process has to find "
            "its code, so define it at the top level of a module"
        )
    _keep_below(tree, spec)
    return tree.hosted.cells.check(spec)


def _keep_below(tree: Tree, spec: AgentSpec) -> None:
    """Below the operator's ceiling, whoever spawns it."""
    refused = refusal(spec.name, permissions_of(spec), tree.hosted.ceiling)
    if refused is None:
        return
    asked, chain = refused.resource[:1000], (f"agent:{spec.name}",)
    told = SecurityDenied(refused.rule, "admission", chain, "spawn", asked, str(refused)[:1000])
    tree.say(told, spec.name)
    raise refused


def _commit(tree: Tree, agent: str, body: AgentSpawned | AgentStopped, timeout: float) -> None:
    committed: Future[None] = Future()
    tree.scribe.append(
        [tree.scribe.write(body, agent=agent)], lambda _: committed.settle(VALUE, None)
    )
    committed.get(timeout=timeout)

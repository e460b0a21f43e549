"""Agents' own processes, behind the same walls as plugins."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from retinue.bus.clock import Clock
from retinue.bus.messages import EventBody
from retinue.plugins.agents import AgentSpec
from retinue.plugins.hosting.agent_plan import agent_level, agent_plan, permissions_of
from retinue.plugins.hosting.calls import CallContext, Mediator, Principals
from retinue.plugins.manifest.model import Grant, Level
from retinue.plugins.port import TurnPort
from retinue.plugins.sandbox.confined import Confined
from retinue.plugins.sandbox.levels import Plan

from .execution.cells import Door
from .plugin_hosts import PluginHosts, Walls
from .plugin_watch import Refusals

__all__ = ["AgentCells"]

LONGEST = 3600.0
"""Seconds that a turn without a deadline has for what it asks."""


class AgentCells:
    """``Cells`` of one kernel. Any thread may use it."""

    def __init__(
        self,
        hosts: PluginHosts,
        walls: Walls,
        lowered: Level | None,
        mediator: Mediator,
        say: Callable[[EventBody], None],
        clock: Clock,
        environ: Mapping[str, str],
    ) -> None:
        """``lowered`` is the level that the operator has for trusted agents, ``None`` for plugins'.

        ``mediator`` answers what agents ask for beyond their turns' ports.
        """
        self._hosts = hosts
        self._walls = walls
        self._lowered = lowered
        self._mediator = mediator
        self._say = say
        self._clock = clock
        self._environ = environ

    def check(self, spec: AgentSpec) -> Level:
        """The level of the agent's process. Raises ``InvalidInput`` where it could not be started."""
        return self._plan(spec, 0).level

    def starter(self, spec: AgentSpec, memory: int) -> Callable[[], Confined]:
        """As ``Cells.starter``."""

        def start() -> Confined:
            return self._hosts.spawner().start(self._plan(spec, memory))

        return start

    def warden(self, agent: str) -> Refusals:
        """As ``Cells.warden``."""
        return Refusals(f"agent:{agent}", self._say)

    def door(self, spec: AgentSpec, port: TurnPort) -> Door:
        """As ``Cells.door``."""
        left = LONGEST if port.deadline is None else port.deadline - self._clock.time()
        permissions = permissions_of(spec)
        call = CallContext(
            secrets.randbits(63),
            "",
            Principals("", port.agent),
            Grant(name=port.agent, version="", digest="", permissions=permissions),
            self._clock.monotonic() + max(left, 0.0),
            port.run,
            port.task,
        )

        def asked(method: str, params: bytes) -> Coroutine[Any, Any, bytes]:
            return self._mediator.handle(call, method, params)

        return asked

    def _plan(self, spec: AgentSpec, memory: int) -> Plan:
        asked = permissions_of(spec)
        walls, given = self._walls, self._hosts.given()
        level = agent_level(spec.name, asked, walls.level, walls.minimum, self._lowered, given)
        return agent_plan(spec, asked, level, given, self._environ, memory)

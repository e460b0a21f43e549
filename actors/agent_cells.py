"""Agents' own processes, behind the same walls as plugins."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from retinue.bus.messages import EventBody
from retinue.plugins.agents import AgentSpec
from retinue.plugins.hosting.agent_plan import agent_level, agent_plan, permissions_of
from retinue.plugins.manifest.model import Level
from retinue.plugins.sandbox.confined import Confined
from retinue.plugins.sandbox.levels import Plan

from .plugin_hosts import PluginHosts, Walls
from .plugin_watch import Refusals

__all__ = ["AgentCells"]


class AgentCells:
    """``Cells`` of one kernel. Any thread may use it."""

    def __init__(
        self,
        hosts: PluginHosts,
        walls: Walls,
        lowered: Level | None,
        say: Callable[[EventBody], None],
        environ: Mapping[str, str],
    ) -> None:
        """``lowered`` is the level that the operator has for trusted agents, ``None`` for plugins'."""
        self._hosts = hosts
        self._walls = walls
        self._lowered = lowered
        self._say = say
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

    def _plan(self, spec: AgentSpec, memory: int) -> Plan:
        asked = permissions_of(spec)
        walls = self._walls
        level = agent_level(spec.name, asked, walls.level, walls.minimum, self._lowered)
        return agent_plan(spec, asked, level, self._hosts.given(), self._environ, memory)

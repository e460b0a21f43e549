"""What a daemon offers to clients of MCP at this moment."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import msgspec

from retinue.bus.errors import InvalidInput
from retinue.bus.views import AgentView, PluginView

from ..client import Client, under
from .caller import REFERENCE
from .catalogue import Catalogue, catalogue

__all__ = ["Offering"]


class Offering:
    """Any thread may use it; ``refresh`` blocks."""

    def __init__(
        self, client: Client, tools: Sequence[str], agents: Sequence[str], caller: str
    ) -> None:
        """Globs of the tools and agents that are offered, and the agent that calls tools for clients."""
        self.caller = caller
        self.catalogue = Catalogue((), {}, ())
        self._client = client
        self._tools = tools
        self._agents = agents
        self._lock = threading.Lock()

    def refresh(self) -> Catalogue:
        """Look at the daemon again, and have the agent there that calls all of its tools.

        Raises ``InvalidInput`` when another agent has that name, ``Unavailable`` without a daemon.
        """
        with self._lock:
            plugins = self._client.get("/v1/plugins", list[PluginView])
            agents = self._client.get("/v1/agents", list[AgentView])
            every = catalogue(plugins, (), ("*",), (), self.caller).tools
            there = next((agent for agent in agents if agent.name == self.caller), None)
            callable_tools = set(self._called_by(there, every))
            usable = [
                _only(plugin, callable_tools) for plugin in plugins if plugin.state != "failed"
            ]
            self.catalogue = catalogue(usable, agents, self._tools, self._agents, self.caller)
            return self.catalogue

    def _called_by(self, there: AgentView | None, every: Sequence[str]) -> Sequence[str]:
        """The tools that the agent has; one that is at work keeps the old ones until the next look."""
        if there is not None:
            if set(there.schema.get("properties", ())) != {"tool", "args"}:
                raise InvalidInput(
                    f"an agent of yours is named {self.caller!r}: give the one that calls tools "
                    "for clients of MCP another name, with --agent-name"
                )
            if set(there.tools) == set(every) or there.running or there.queued:
                return there.tools
            reason = {"reason": "there are other tools now"}
            self._client.delete(under("agents", self.caller), dict[str, object], reason)
        body = {"name": self.caller, "agent": REFERENCE, "tools": list(every)}
        return self._client.post("/v1/agents", AgentView, body).tools


def _only(plugin: PluginView, tools: set[str]) -> PluginView:
    kept = {name: about for name, about in plugin.tools.items() if name in tools}
    return msgspec.structs.replace(plugin, tools=kept)

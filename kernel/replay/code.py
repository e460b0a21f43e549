"""The code that is run again: agents and tools by name, as far as it can be had here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from retinue.bus.errors import RetinueError
from retinue.bus.messages import AgentSpawned
from retinue.plugins import AgentSpec, Plugin, Tool
from retinue.plugins.loader import load_plugins

from .answers import AnsweredTool, Answers, UncheckedTool

__all__ = ["Code", "Given"]

Given = Callable[..., Any]


class Code:
    """Finds each agent once. What cannot be had is in ``missing``, with the reason."""

    def __init__(
        self,
        agents: Mapping[str, AgentSpec | Callable[..., Any]],
        plugins: Mapping[str, Any] | Sequence[Plugin],
    ) -> None:
        """``agents`` are a program's own, by name; ``plugins`` theirs, or settings of those installed."""
        self._own = {name: AgentSpec.of(found) for name, found in agents.items()}
        self._plugins = plugins
        self._every: list[Plugin] | None = None
        self._found: dict[tuple[str, str], AgentSpec | None] = {}
        self._tools: dict[str, Tool] | None = None
        self.missing: dict[str, str] = {}

    def agent(self, name: str, spawned: AgentSpawned) -> AgentSpec | None:
        """The agent under that name, so that it runs on one thread; ``None`` when it is not here."""
        key = name, spawned.reference
        if key not in self._found:
            self._found[key] = self._find(name, spawned.reference)
        found = self._found[key]
        if found is None:
            return None
        return AgentSpec.of(found, name=name, isolation="shared" if found.is_async else "thread")

    def leave_out(self, name: str, reason: str) -> None:
        """The agent's code is of no use: what it did is taken as recorded."""
        self.missing.setdefault(name, reason)

    def tools(
        self, spec: AgentSpec, names: tuple[str, ...], effects: Mapping[str, Any], answers: Answers
    ) -> dict[str, Tool]:
        """The tools that the agent was given, each with a recorded answer."""
        own = {tool.name: tool for tool in spec.tools if isinstance(tool, Tool)}
        return {
            name: self._answered(own.get(name), name, effects.get(name, "none"), answers)
            for name in names
        }

    def _answered(self, own: Tool | None, name: str, effect: Any, answers: Answers) -> Tool:
        tool = own or self._installed().get(name)
        if tool is not None:
            return AnsweredTool(tool, answers)
        self.missing.setdefault(f"tool {name}", "its arguments are not checked again")
        return UncheckedTool(name, effect, answers)

    def _find(self, name: str, reference: str) -> AgentSpec | None:
        if name in self._own:
            return self._own[name]
        plugged = {spec.name: spec for plugin in self._every_plugin() for spec in plugin.agents}
        if name in plugged:
            return plugged[name]
        if not reference:
            self.leave_out(name, "only the program that spawned it has its code")
            return None
        try:
            return AgentSpec.load(reference)
        except (RetinueError, ImportError, SyntaxError) as error:
            self.leave_out(name, f"{type(error).__name__}: {error}")
            return None

    def _installed(self) -> dict[str, Tool]:
        if self._tools is None:
            self._tools = {t.name: t for plugin in self._every_plugin() for t in plugin.tools}
        return self._tools

    def _every_plugin(self) -> Sequence[Plugin]:
        """The program's own first: one of a name that is installed as well wins."""
        if self._every is None:
            own = () if isinstance(self._plugins, Mapping) else self._plugins
            settings = self._plugins if isinstance(self._plugins, Mapping) else {}
            self._every = [*load_plugins(settings)[0], *own]
        return self._every

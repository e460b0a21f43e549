"""Agents that plugins in processes bring: spawned with them, and stopped with them."""

from __future__ import annotations

from collections.abc import Mapping

from retinue.plugins.hosting.plugin import HostedPlugin

from .agents import spawn, stop_agent
from .tree import Tree

__all__ = ["Staffing", "start_hosted"]

_TIMEOUT = 30.0


class Staffing:
    """The agents of one kernel's hosted plugins. Its methods block; any thread may call them."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def check(self, before: HostedPlugin | None, after: HostedPlugin) -> None:
        """Raise ``InvalidInput`` for a name that somebody else has, ``UnknownTool`` for a tool."""
        for name in _names(after) - _names(before):
            self._tree.roster.check_free(name)
        wanted = {str(tool) for spec in after.agents for tool in spec.tools}
        self._tree.toolbox.given(t for t in wanted if not t.startswith(f"{after.name}."))

    def change(self, before: HostedPlugin | None, after: HostedPlugin | None, reason: str) -> None:
        """Stop who is not there any more, then spawn who is new; the others go on as they are."""
        for name in sorted(_names(before) - _names(after)):
            if name in self._tree.roster:
                stop_agent(self._tree, name, reason, _TIMEOUT)
        for spec in () if after is None else after.agents:
            if spec.name not in self._tree.roster:
                spawn(self._tree, spec.name, spec, level=_level(after))


def start_hosted(tree: Tree, hosted: Mapping[str, str]) -> None:
    """Start the plugins that ran when the kernel ended, and their agents."""
    tree.hosted.staff = Staffing(tree)
    tree.hosted.start_again(hosted, tree.manager.ask)


def _level(plugin: HostedPlugin | None) -> str:
    process = None if plugin is None else plugin.process
    return "" if process is None else process.confined.level


def _names(plugin: HostedPlugin | None) -> set[str]:
    return set() if plugin is None else {spec.name for spec in plugin.agents}

"""Getting plugins into a kernel: those that are installed, and a program's own."""

from __future__ import annotations

from collections.abc import Sequence

from retinue.actors.plugin_manager import AdoptPlugin, RefusedPlugin
from retinue.bus.errors import PluginError
from retinue.plugins import Plugin
from retinue.plugins.loader import load_plugins

from .agents import spawn
from .mediating import configured_grant
from .tree import Tree

__all__ = ["adopt", "load_system_plugins"]


def load_system_plugins(tree: Tree, own: Sequence[Plugin]) -> None:
    """Take every installed plugin in, then the program's; a broken one is recorded, not fatal."""
    found, errors = load_plugins(tree.config.plugins, clock=tree.clock)
    for plugin in found:
        try:
            adopt(tree, plugin, "system")
        except PluginError as refused:
            errors.append(refused)
    for error in errors:
        tree.manager.ask(RefusedPlugin(_name_in(str(error)), str(error)))
    for plugin in own:
        adopt(tree, plugin, "program")


def adopt(tree: Tree, plugin: Plugin, source: str) -> None:
    """Take one plugin in; its tools and agents are there when this returns.

    Raises ``PluginError`` for permissions that nobody can be given.
    """
    if plugin.permissions:
        plugin = tree.lender.lend(plugin, configured_grant(plugin, tree.clock.time()))
    tree.toolbox.pipeline.add(plugin.processors)
    tree.manager.ask(AdoptPlugin(plugin, source))
    if plugin.pages is not None:
        tree.pages[plugin.name] = plugin.pages
    for spec in plugin.agents:
        spawn(tree, spec.name, spec)


def _name_in(message: str) -> str:
    """The loader's messages begin with ``plugin 'NAME'``."""
    return message.partition("'")[2].partition("'")[0]

"""From a process to its plugin: what it tells, and that it has ended."""

from __future__ import annotations

from typing import Protocol

from .processes import PluginProcess
from .watch import PluginWatch

__all__ = ["Ends"]


class Living(Protocol):
    """A plugin, as its process sees it."""

    @property
    def process(self) -> PluginProcess | None:
        """The process that runs now, if one does."""

    def ended(self, process_reason: str, seconds: float, *, for_good: bool = False) -> None:
        """Its process is gone."""


class Ends:
    """Passes on what a process tells, and tells the plugin of its end."""

    def __init__(self, plugin: Living, watch: PluginWatch) -> None:
        self._plugin = plugin
        self.refused, self.violated, self.logged = watch.refused, watch.violated, watch.logged
        self.exceeded = watch.exceeded

    def ended(self, reason: str, seconds: float) -> None:
        """As ``Witness.ended``."""
        process = self._plugin.process
        self._plugin.ended(reason, seconds, for_good=process is not None and process.for_good)

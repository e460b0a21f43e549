"""What tests of agents, tools and plugins are written with; none of it needs a kernel."""

from __future__ import annotations

from .folders import PluginFolder
from .harness import PluginHarness, TestTurn

__all__ = ["PluginFolder", "PluginHarness", "TestTurn"]

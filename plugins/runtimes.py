"""What is spoken with a plugin's process, by its runtime."""

from __future__ import annotations

from collections.abc import Callable

from retinue.bus.clock import Clock

from .hosting.processes import MakeProcess, PluginProcess
from .hosting.program import ProgramProcess
from .hosting.wire import Witness
from .manifest.model import Grant, Manifest
from .mcp.process import McpProcess
from .sandbox.confined import Confined

__all__ = ["process_for"]


def process_for(
    manifest: Manifest, grant: Grant, clock: Clock, number: Callable[[], int]
) -> MakeProcess | None:
    """How the host speaks with the plugin, or ``None`` for our own frames.

    ``number`` gives random numbers.
    """
    kinds: dict[str, Callable[..., PluginProcess]] = {"exec": ProgramProcess, "mcp": McpProcess}
    kind = kinds.get(manifest.runtime)
    if kind is None:
        return None

    def make(confined: Confined, witness: Witness) -> PluginProcess:
        return kind(confined, grant, manifest.tools, witness, clock, number)

    return make

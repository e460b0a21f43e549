"""A WebAssembly plugin inside its process: ``retinue.plugins.wasm.guest CHANNEL NAME VERSION FILE TOOLS``.

``TOOLS`` are the manifest's, as JSON: a module cannot say what it offers.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import msgspec

from retinue.bus.errors import PluginError

from ..guest.main import serve
from ..manifest.model import ToolSpec
from ..plugin import Plugin
from ..remote_tool import RemoteTool
from ..tools import Tool, ToolContext
from .host import HostFunctions
from .module import WasmModule

__all__ = ["main", "plugin_of"]

_MEMORY = 128 << 20
_SPARE = 0.05
"""Seconds before the host's deadline at which a module is trapped, so that only its call ends."""


def plugin_of(file: Path, name: str, version: str, tools: tuple[ToolSpec, ...]) -> Plugin:
    """The module's tools; each call runs in an instance of its own, on a thread."""
    if not tools:
        raise PluginError(f"plugin {name!r}: name its tools in plugin.toml: [[tools]]")
    module = WasmModule(file.read_bytes(), name, _MEMORY)
    return Plugin(name, version, [_tool(module, name, spec) for spec in tools])


def _tool(module: WasmModule, plugin: str, spec: ToolSpec) -> Tool:
    return RemoteTool(
        _far(module, spec.name),
        f"{plugin}.{spec.name}",
        spec.schema,
        description=spec.description,
        effect=spec.effect,
        timeout=spec.timeout,
    )


def _far(
    module: WasmModule, tool: str
) -> Callable[[Mapping[str, Any], ToolContext], Coroutine[Any, Any, Any]]:
    async def far(args: Mapping[str, Any], ctx: ToolContext) -> Any:
        left = 30.0 if ctx.remaining is None else ctx.remaining
        host = HostFunctions(ctx.host.wait, ctx.progress, print)
        request = {"tool": tool, "args": dict(args)}
        return await asyncio.to_thread(module.call, request, host, max(0.01, left - _SPARE))

    return far


def main(arguments: list[str]) -> None:
    """Serve the channel that was inherited."""
    channel, name, version, file, tools = arguments
    specs = msgspec.json.decode(tools, type=tuple[ToolSpec, ...])
    serve(int(channel), name, version, lambda _: plugin_of(Path(file), name, version, specs))


if __name__ == "__main__":
    main(sys.argv[1:])

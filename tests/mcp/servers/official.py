"""A server made with the official package."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("official")
never = threading.Event()
cancelled = []


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
async def steps(count: int, ctx: Context) -> str:
    """Report each of so many steps."""
    for step in range(1, count + 1):
        await ctx.report_progress(step, count, f"step {step}")
    return "done"


@server.tool()
async def wait(ctx: Context) -> str:
    """Report that it waits, and wait until it is cancelled."""
    await ctx.report_progress(1, 2, "waiting")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        cancelled.append(True)
        raise
    return "never"


@server.tool()
def cancels() -> int:
    """How many calls were cancelled."""
    return len(cancelled)


@server.tool()
async def hang(ctx: Context) -> str:
    """Block the whole server."""
    await ctx.report_progress(1, 2, "hanging")
    never.wait()
    return "never"


@server.tool()
def fail() -> str:
    """Raise."""
    raise ToolError("as it was meant to")


@server.tool()
def reach(path: str) -> str:
    """Read a file of the host's."""
    try:
        return Path(path).read_text()
    except OSError as error:
        raise ToolError(str(error)) from error


server.run("stdio")

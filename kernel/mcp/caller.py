"""The agent that calls tools for clients of the Model Context Protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retinue.plugins import Context, agent

__all__ = ["NAME", "REFERENCE", "caller"]

NAME = "mcp"
"""The agent's name, unless another is given: policies and events name it."""
REFERENCE = f"{__name__}:caller"


@agent
async def caller(ctx: Context, tool: str, args: Mapping[str, Any]) -> Any:
    """Call one tool, and give back what it gave."""
    return await ctx.call(tool, **args)

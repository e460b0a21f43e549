"""``memory``: notes by key that agents find again, also after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from ..plugin import Plugin
from ..tools import ToolContext, tool
from .settings import NoSettings, read_settings

__all__ = ["plugin"]

Count = Annotated[int, Meta(ge=1, le=100)]


@tool(effect="idempotent")
async def put(ctx: ToolContext, key: str, text: str, *, shared: bool = False) -> bool:
    """Keep a text under a key, in the place of what was there.

    Args:
        ctx: asks the host
        key: up to 256 characters
        text: up to 64 KiB
        shared: for all agents, and not for this one alone
    """
    await ctx.memory.put(key, text, _scope(ctx, shared=shared))
    return True


@tool
async def get(ctx: ToolContext, key: str, *, shared: bool = False) -> str | None:
    """The text under a key, or null.

    Args:
        ctx: asks the host
        key: as it was kept
        shared: from what is for all agents
    """
    note = await ctx.memory.get(key, _scope(ctx, shared=shared))
    return None if note is None else note.text


@tool
async def search(
    ctx: ToolContext, query: str, limit: Count = 5, *, shared: bool = False
) -> list[dict[str, Any]]:
    """Notes that hold any word of the query, the best fit first.

    Args:
        ctx: asks the host
        query: words
        limit: the most to return
        shared: in what is for all agents
    """
    found = await ctx.memory.search(query, limit, _scope(ctx, shared=shared))
    return [{"key": note.key, "text": note.text} for note in found]


@tool
async def keys(
    ctx: ToolContext, prefix: str = "", limit: Count = 100, *, shared: bool = False
) -> list[str]:
    """Keys that begin with a prefix, in order.

    Args:
        ctx: asks the host
        prefix: all of them by default
        limit: the most to return
        shared: of what is for all agents
    """
    return await ctx.memory.keys(prefix, limit, _scope(ctx, shared=shared))


@tool(effect="idempotent")
async def delete(ctx: ToolContext, key: str, *, shared: bool = False) -> bool:
    """Forget a note; whether it was there.

    Args:
        ctx: asks the host
        key: as it was kept
        shared: of what is for all agents
    """
    return await ctx.memory.delete(key, _scope(ctx, shared=shared))


def plugin(settings: Mapping[str, Any]) -> Plugin:
    """The plugin; it has no settings."""
    read_settings(settings, NoSettings, "memory")
    return Plugin(
        "memory",
        "1.0",
        tools=[put, get, search, keys, delete],
        description="Notes by key that agents find again",
        permissions={"kernel": ["memory"]},
    )


def _scope(ctx: ToolContext, *, shared: bool) -> Literal["plugin", "agent"]:
    """An operator, who is no agent, sees what is shared."""
    return "plugin" if shared or not ctx.agent else "agent"

"""A plugin that gives back what it gets, from its loop and from a thread."""

from __future__ import annotations

from retinue.plugins import tool


@tool
async def echo(value: str) -> str:
    """On the loop."""
    return value


@tool
def plain(value: str) -> str:
    """A plain function: on a thread of the plugin's process."""
    return value

"""``echo``: says back what it is told; the first thing to try, and the agent that is always there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..agents import agent
from ..context import Context
from ..plugin import Plugin
from ..tools import tool
from .settings import NoSettings, read_settings

__all__ = ["echo", "plugin", "say"]


@agent
async def echo(_ctx: Context, /, **anything: Any) -> dict[str, Any]:
    """Return the input unchanged."""
    return anything


@tool
async def say(text: str) -> str:
    """Return the text unchanged.

    Args:
        text: what to say
    """
    return text


def plugin(settings: Mapping[str, Any]) -> Plugin:
    """The plugin; it has no settings."""
    read_settings(settings, NoSettings, "echo")
    return Plugin(
        "echo", "1.0", tools=[say], agents=[echo], description="Says back what it is told"
    )

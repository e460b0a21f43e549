"""The SDK: all that an agent, a tool or a plugin is written with."""

from __future__ import annotations

from retinue.bus.errors import (
    DeadlineExceeded,
    InvalidInput,
    ModelError,
    NotFound,
    ResultTooLarge,
    RetinueError,
    TaskCancelled,
    TaskFailed,
    ToolError,
    UnknownAgent,
    UnknownTool,
)

from .agents import AgentSpec, agent
from .context import Context, SyncContext
from .plugin import Plugin
from .secret import Secret
from .tools import Tool, ToolContext, tool

__all__ = [
    "AgentSpec",
    "Context",
    "DeadlineExceeded",
    "InvalidInput",
    "ModelError",
    "NotFound",
    "Plugin",
    "ResultTooLarge",
    "RetinueError",
    "Secret",
    "SyncContext",
    "TaskCancelled",
    "TaskFailed",
    "Tool",
    "ToolContext",
    "ToolError",
    "UnknownAgent",
    "UnknownTool",
    "agent",
    "tool",
]

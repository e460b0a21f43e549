"""The SDK: all that an agent, a tool or a plugin is written with."""

from __future__ import annotations

from retinue.bus.errors import (
    DeadlineExceeded,
    Denied,
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
from .processing import Proceed, Processor, ToolCall
from .secret import Secret
from .tools import Tool, ToolContext, tool

__all__ = [
    "AgentSpec",
    "Context",
    "DeadlineExceeded",
    "Denied",
    "InvalidInput",
    "ModelError",
    "NotFound",
    "Plugin",
    "Proceed",
    "Processor",
    "ResultTooLarge",
    "RetinueError",
    "Secret",
    "SyncContext",
    "TaskCancelled",
    "TaskFailed",
    "Tool",
    "ToolCall",
    "ToolContext",
    "ToolError",
    "UnknownAgent",
    "UnknownTool",
    "agent",
    "tool",
]

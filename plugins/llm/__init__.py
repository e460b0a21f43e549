"""Models: the port, and the ways to one.

The adapters are imported by their own names: ``retinue.plugins.llm.local``, ``.openai`` and
``.scripted``.
"""

from __future__ import annotations

from .completions import choose_tool, complete, schema_of, structured
from .deadlines import Budget, within
from .model import (
    ChatModel,
    Completion,
    Delta,
    Message,
    ModelRefused,
    ToolChoice,
    ToolSpec,
    Usage,
)

__all__ = [
    "Budget",
    "ChatModel",
    "Completion",
    "Delta",
    "Message",
    "ModelRefused",
    "ToolChoice",
    "ToolSpec",
    "Usage",
    "choose_tool",
    "complete",
    "schema_of",
    "structured",
    "within",
]

"""Where agents' turns run: on a shared loop, on threads, in processes; nothing escapes."""

from __future__ import annotations

from .executor import AgentLoopLost, Executor, Outcome, ProcessDied, Running, Stall, Turn
from .shared import SharedExecutor

__all__ = [
    "AgentLoopLost",
    "Executor",
    "Outcome",
    "ProcessDied",
    "Running",
    "SharedExecutor",
    "Stall",
    "Turn",
]

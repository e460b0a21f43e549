"""Where agents' turns run: on a shared loop, on threads, in processes; nothing escapes."""

from __future__ import annotations

from .executor import AgentLoopLost, Executor, Outcome, ProcessDied, Running, Stall, Turn
from .executors import Executors
from .process import ProcessExecutor
from .shared import SharedExecutor
from .threads import ThreadExecutor

__all__ = [
    "AgentLoopLost",
    "Executor",
    "Executors",
    "Outcome",
    "ProcessDied",
    "ProcessExecutor",
    "Running",
    "SharedExecutor",
    "Stall",
    "ThreadExecutor",
    "Turn",
]

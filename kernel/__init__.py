"""Retinue inside a program: ``from retinue.kernel import Kernel``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aio import AsyncKernel, AsyncTaskHandle
    from .config import Config
    from .handles import TaskHandle
    from .kernel import Kernel

__all__ = ["AsyncKernel", "AsyncTaskHandle", "Config", "Kernel", "TaskHandle"]

_HOMES = {
    "AsyncKernel": ".aio",
    "AsyncTaskHandle": ".aio",
    "Config": ".config",
    "Kernel": ".kernel",
    "TaskHandle": ".handles",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for: a command that only talks to a daemon starts no kernel."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name], __name__), name)

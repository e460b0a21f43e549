"""Retinue inside a program: ``from retinue.kernel import Kernel``."""

from __future__ import annotations

from .aio import AsyncKernel, AsyncTaskHandle
from .config import Config
from .handles import TaskHandle
from .kernel import Kernel

__all__ = ["AsyncKernel", "AsyncTaskHandle", "Config", "Kernel", "TaskHandle"]

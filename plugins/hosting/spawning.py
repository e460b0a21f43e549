"""What nobody waits for any more: a start, or an answer."""

from __future__ import annotations

import asyncio
from typing import Any

from ..sandbox.confined import Confined

__all__ = ["discarded", "seen"]


def discarded(spawning: asyncio.Future[Confined]) -> None:
    """It was started for somebody who has gone: a process that nobody knows would stay for ever."""
    if not spawning.cancelled() and spawning.exception() is None:
        confined = spawning.result()
        confined.strike()
        asyncio.get_running_loop().run_in_executor(None, confined.kill)


def seen(future: asyncio.Future[Any]) -> None:
    """Whoever waited may be gone: an error that nobody fetched is no news."""
    if not future.cancelled():
        future.exception()

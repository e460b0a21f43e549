"""asyncio's side of a future: which loop runs here, and how a reply gets into it."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["arrive_in_loop", "running_loop"]


def running_loop() -> Any:
    """The asyncio loop that runs on this thread, or None."""
    # asyncio costs 30 ms to import: where nobody imported it, no loop runs.
    asyncio: Any = sys.modules.get("asyncio")
    return None if asyncio is None else asyncio._get_running_loop()  # noqa: SLF001


def arrive_in_loop(loop: Any, arrived: Any) -> None:
    """Set the loop's future, from any thread; for a closed loop there is nobody to tell."""
    try:
        loop.call_soon_threadsafe(_arrive, arrived)
    except RuntimeError:
        if not loop.is_closed():
            raise


def _arrive(arrived: Any) -> None:
    if not arrived.done():
        arrived.set_result(None)

"""Plain tools, each call on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from retinue.bus.errors import ToolError

__all__ = ["ToolThreads", "line_of"]


class ToolThreads:
    """Starts the threads, and knows which run."""

    def __init__(self) -> None:
        """Without any."""
        self.running: list[str] = []
        """What they do, for people. Any thread may look."""

    async def call(self, function: Callable[[], Any], name: str) -> Any:
        """Run a plain function on a thread of its own.

        A pool would be cheaper by 60 µs and would stop when each of its threads hangs; a daemon
        thread that hangs is left behind alone, and the interpreter can still end.
        """
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[Any] = loop.create_future()

        def run() -> None:
            try:
                result, error = function(), None
            except BaseException as raised:  # noqa: BLE001 - SystemExit of a tool is the tool's own
                result, error = None, raised
            try:
                loop.call_soon_threadsafe(_settle, arrived, result, error)
            except RuntimeError:  # the loop is closed: the kernel is gone, and so is the caller
                return
            finally:
                self.running.remove(name)

        self.running.append(name)
        threading.Thread(target=run, name=f"retinue {name}", daemon=True).start()
        return await arrived


def _settle(arrived: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if arrived.done():
        return
    if error is None:
        arrived.set_result(result)
    elif isinstance(error, Exception) and not isinstance(error, StopIteration):
        arrived.set_exception(error)
    else:
        arrived.set_exception(ToolError(line_of(error)))


def line_of(error: BaseException, told: Callable[[str], str] = str) -> str:
    """The error on one line, as ``Type: text``; ``told`` is what may be told of its text."""
    try:
        text = " ".join(told(str(error)).split())[:2_000]
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide the error itself
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__

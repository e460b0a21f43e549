"""A loop that runs no agent's code: timers, child processes and their pipes."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from threading import Lock
from typing import Any

from .executor import Report
from .loop import LoopThread

__all__ = ["Service", "Timer"]


class Service:
    """Made at first use, and permanent from then on: children die with the thread they came from."""

    def __init__(self, name: str, report: Report) -> None:
        self._name = name
        self._report = report
        self._lock = Lock()
        self._thread: LoopThread | None = None
        self._closed = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """For what runs on the service's own thread."""
        return asyncio.get_running_loop()

    def post(self, callback: Callable[[], object]) -> bool:
        """Run ``callback`` on the service's thread, in order. Any thread; False once closed."""
        with self._lock:
            if self._closed:
                return False
            if self._thread is None:
                self._thread = LoopThread(self._name, self._escaped)
                self._thread.loop.set_exception_handler(self._raised)
            return self._thread.post(callback)

    def after(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Run ``callback`` on the service's thread once that time has passed. Any thread."""
        timer = Timer(self, callback)
        self.post(lambda: timer.arm(seconds))
        return timer

    def close(self, timeout: float) -> None:
        """End the thread; what was posted and timed is dropped."""
        with self._lock:
            self._closed = True
        if self._thread is not None:
            self._thread.stop()
            self._thread.join(timeout)

    def _raised(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        said = "".join(traceback.format_exception(error)) if error else ""
        self._report("", f"in the agents' service: {context.get('message')} {said}".strip())

    def _escaped(self, error: BaseException) -> None:
        self._report("", f"the agents' service survived {type(error).__name__}: {error}")


class Timer:
    """A callback to come."""

    __slots__ = ("_callback", "_handle", "_service")

    def __init__(self, service: Service, callback: Callable[[], object]) -> None:
        self._service = service
        self._callback: Callable[[], object] | None = callback
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, seconds: float) -> None:
        """Begin to count. The service's thread."""
        if self._callback is not None:
            self._handle = self._service.loop.call_later(seconds, self._fire)

    def cancel(self) -> None:
        """Let it not come, unless it is under way. Any thread."""
        self._callback = None
        self._service.post(self._disarm)

    def _fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()

    def _disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

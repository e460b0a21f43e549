"""Finding out, from another thread, that a loop does not turn, and on whose account."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from .loop import LoopThread

__all__ = ["Held", "LoopWatch"]


class Held(NamedTuple):
    """The loop's thread stays in ``task`` (None: in a plain callback) for ``seconds``.

    ``struck`` is for how many of them since an exception was raised into it, or None.
    """

    task: asyncio.Task[Any] | None
    seconds: float
    struck: float | None


class LoopWatch:
    """Sends a beat through the loop, and looks who runs while it does not come back.

    It costs the turns nothing: nobody takes the time at their steps. The beat alone would
    blame a loop that is merely busy, so the same task has to be there at each look.
    """

    def __init__(self, thread: LoopThread) -> None:
        self._thread = thread
        self._back = True
        self._task: asyncio.Task[Any] | None = None
        self._since = 0.0
        self._struck: float | None = None
        self._now = 0.0

    def look(self, now: float) -> Held | None:
        """Who holds the thread, ``now`` in seconds; None while the loop turns."""
        self._now = now
        task = asyncio.current_task(self._thread.loop)
        if self._back:
            self._back = False
            self._begin(task)
            self._thread.wake(self._beat)
            return None
        if task is not self._task:
            self._begin(task)
        return Held(task, now - self._since, None if self._struck is None else now - self._struck)

    def struck(self) -> None:
        """An exception was raised into the thread at the last look."""
        self._struck = self._now

    def _begin(self, task: asyncio.Task[Any] | None) -> None:
        self._task = task
        self._since = self._now
        self._struck = None

    def _beat(self) -> None:
        self._back = True

"""How far publishing has come, and who waits for it."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

__all__ = ["Watermark"]

Callback = Callable[[], None]


class Watermark:
    """The highest ``seq`` that observers have been told of. Any thread may use it.

    While it is open, because the mirror is degraded, nobody has to wait.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reached = 0
        self._open = False
        self._waiting: list[tuple[int, int, Callback]] = []
        self._order = itertools.count()

    @property
    def reached(self) -> int:
        """The highest ``seq`` that was published, or passed over by the selection."""
        return self._reached

    def awaits(self, seq: int) -> bool:
        """Tell whether ``seq`` is still to come, and waiting for it makes sense."""
        return not self._open and seq > self._reached

    def when(self, seq: int, callback: Callback) -> bool:
        """Call ``callback`` once, when ``seq`` is reached or waiting is over, and return True.

        Returns False, and never calls it, when there is nothing to wait for. The callback runs on
        the publishing thread: it must not block or raise.
        """
        with self._lock:
            if self._open or seq <= self._reached:
                return False
            heapq.heappush(self._waiting, (seq, next(self._order), callback))
            return True

    def reach(self, seq: int) -> None:
        """Move up to ``seq``."""
        with self._lock:
            self._reached = max(self._reached, seq)
            due = []
            while self._waiting and self._waiting[0][0] <= self._reached:
                due.append(heapq.heappop(self._waiting)[2])
        for callback in due:
            callback()

    def open(self) -> None:
        """Let go everyone who waits, and who will until ``close``."""
        with self._lock:
            self._open = True
            due, self._waiting = self._waiting, []
        for _, _, callback in sorted(due):
            callback()

    def close(self) -> None:
        """Let people wait again: the mirror is live."""
        with self._lock:
            self._open = False

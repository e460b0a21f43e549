"""What is due when: a heap of tasks, served by whoever calls ``fire``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Protocol

__all__ = ["Task", "Timers"]

NEVER = float("inf")


class Task(Protocol):
    """Something to do at a moment, unless it is done before."""

    @property
    def settled(self) -> bool:
        """True when there is nothing left to do: the entry may be forgotten. Has no effect."""

    def expire(self) -> None:
        """Do it now; called at most once, on the thread that calls ``fire``."""


class Timers:
    """Tasks by the clock's monotonic seconds. Any thread adds; one thread fires.

    Most tasks are deadlines of asks that were answered long before. They are not searched out
    one by one: once as many entries were added as the last sweep left, the settled ones go.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        """``wake`` is called when a task becomes the earliest, on the adding thread."""
        self.next = NEVER
        self._heap: list[tuple[float, int, Task]] = []
        self._serial = count()
        self._sweep_at = 1024
        self._lock = threading.Lock()
        self._wake = wake

    def __len__(self) -> int:
        """How many entries there are, settled ones included."""
        return len(self._heap)

    def add(self, when: float, task: Task) -> None:
        """Have ``task`` expire once the clock reads ``when`` or more."""
        with self._lock:
            heappush(self._heap, (when, next(self._serial), task))
            if len(self._heap) >= self._sweep_at:
                self._sweep()
            earliest = when < self.next
            if earliest:
                self.next = when
        if earliest:
            self._wake()

    def fire(self, now: float) -> None:
        """Expire every task that is due at ``now``."""
        while (task := self._take(now)) is not None:
            task.expire()

    def pending(self) -> int:
        """How many tasks are not settled; forgets those that are."""
        with self._lock:
            self._sweep()
            self.next = self._heap[0][0] if self._heap else NEVER
            return len(self._heap)

    def waiting(self) -> list[tuple[float, Task]]:
        """The tasks that are not settled with their moments, the earliest first."""
        with self._lock:
            entries = sorted(self._heap)
        return [(when, task) for when, _, task in entries if not task.settled]

    def remove(self, *kinds: type) -> list[Task]:
        """Take out the tasks of these kinds; returns those that were not settled, earliest first."""
        with self._lock:
            taken = [task for _, _, task in sorted(self._heap) if isinstance(task, kinds)]
            self._heap = [entry for entry in self._heap if not isinstance(entry[2], kinds)]
            heapify(self._heap)
            self.next = self._heap[0][0] if self._heap else NEVER
        return [task for task in taken if not task.settled]

    def _take(self, now: float) -> Task | None:
        with self._lock:
            while self._heap:
                when, _, task = self._heap[0]
                if when > now and not task.settled:
                    break
                heappop(self._heap)
                if not task.settled:
                    return task
            self.next = self._heap[0][0] if self._heap else NEVER
        return None

    def _sweep(self) -> None:
        self._heap = [entry for entry in self._heap if not entry[2].settled]
        heapify(self._heap)
        self._sweep_at = 2 * len(self._heap) + 1024

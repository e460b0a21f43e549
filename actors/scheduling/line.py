"""The waiting line: what waits, in a policy's order, under caps. No clock, no I/O."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import msgspec

from .policies import Policy, Waiting

__all__ = ["Choice", "Line"]

Key = tuple[float, int]


class Choice(msgspec.Struct, frozen=True, gc=False):
    """A task that may run now, why, and how many others waited."""

    waiting: Waiting
    reason: str
    others: int


class Line:
    """A heap of waiting tasks for each agent, and a heap of the agents that have a free place.

    Entering, choosing and leaving cost O(log n). A task holds a place from ``choose`` until
    ``leave``; a task that waits for its child lends its place (``lend``), so that caps cannot
    make a parent and its children wait for each other.
    """

    def __init__(
        self, policy: Policy, max_running: int, max_per_agent: int, places: int = 1
    ) -> None:
        """Caps count tasks in flight and are at least 1; ``places`` is for agents not set yet."""
        self._default = places
        self.policy = policy
        self.max_running = max_running
        self.max_per_agent = max_per_agent
        self.running: dict[str, Waiting] = {}
        self.lent: set[str] = set()
        self._held: dict[str, int] = {}
        self._places: dict[str, int] = {}
        self._waiting: dict[str, Waiting] = {}
        self._heaps: dict[str, list[tuple[Key, Waiting]]] = {}
        self._ready: list[tuple[Key, str]] = []

    def __len__(self) -> int:
        """How many tasks wait."""
        return len(self._waiting)

    def waiting(self) -> list[Waiting]:
        """A copy of what waits, in order of arrival."""
        return list(self._waiting.values())

    def set_places(self, agent: str, places: int) -> None:
        """How many tasks the agent takes at once; 0 for one that is not there."""
        self._places[agent] = places
        self._offer(agent)

    def enter(self, waiting: Waiting) -> None:
        """Begin to wait. A task that is here already stays where it is."""
        if waiting.task in self._waiting or waiting.task in self.running:
            return
        self._waiting[waiting.task] = waiting
        heap = self._heaps.setdefault(waiting.agent, [])
        item = (self.policy.key(waiting), waiting)
        heappush(heap, item)
        if heap[0] is item:
            self._offer(waiting.agent)

    def leave(self, task: str) -> bool:
        """No longer wait, or give the place back; returns whether the task held a place."""
        if self._waiting.pop(task, None) is not None:
            return False
        held = self.running.pop(task, None)
        if held is None:
            return False
        self.lent.discard(task)
        left = self._held[held.agent] - 1
        if left:
            self._held[held.agent] = left
        else:
            del self._held[held.agent]
        self._offer(held.agent)
        return True

    def lend(self, task: str) -> None:
        """The running task waits for another: it no longer counts against ``max_running``."""
        if task in self.running:
            self.lent.add(task)

    def take_back(self, task: str) -> None:
        """The running task goes on; ``max_running`` may be passed until another one ends."""
        self.lent.discard(task)

    def choose(self) -> Choice | None:
        """The task whose turn it is, which now holds a place; ``None`` when none may run."""
        if len(self.running) - len(self.lent) >= self.max_running:
            return None
        while self._ready:
            key, agent = self._ready[0]
            heap = self._heaps.get(agent)
            if not heap or heap[0][0] != key or not self._has_place(agent):
                heappop(self._ready)
                continue
            waiting = heap[0][1]
            heappop(heap)
            heappop(self._ready)
            if self._waiting.pop(waiting.task, None) is not waiting:
                self._offer(agent)
                continue
            return self._choose(waiting, key)
        return None

    def use(self, policy: Policy) -> None:
        """Order what waits by another policy from now on."""
        self.policy = policy
        self._heaps = {}
        for waiting in self._waiting.values():
            self._heaps.setdefault(waiting.agent, []).append((policy.key(waiting), waiting))
        for heap in self._heaps.values():
            heapify(heap)
        self._ready = []
        for agent in self._heaps:
            self._offer(agent)

    def limit(self, max_running: int, max_per_agent: int) -> None:
        """Change the caps; what runs goes on, even above the new ones."""
        self.max_running, self.max_per_agent = max_running, max_per_agent
        for agent in self._heaps:
            self._offer(agent)

    def why(self, task: str) -> str:
        """Why a waiting task does not run yet, in words; empty when it does not wait."""
        waiting = self._waiting.get(task)
        if waiting is None:
            return ""
        if not self._places.get(waiting.agent, self._default):
            return f"no agent is named {waiting.agent!r}: spawn it"
        if not self._has_place(waiting.agent):
            busy = [t for t, w in self.running.items() if w.agent == waiting.agent]
            return f"agent {waiting.agent!r} is busy with {', '.join(busy)}"
        if len(self.running) - len(self.lent) >= self.max_running:
            return f"the cap of {self.max_running} tasks in flight is reached"
        return f"{len(self._waiting) - 1} other task(s) wait under policy {self.policy.name}"

    def _choose(self, waiting: Waiting, key: Key) -> Choice:
        self.running[waiting.task] = waiting
        self._held[waiting.agent] = self._held.get(waiting.agent, 0) + 1
        self.policy.chosen(waiting, key)
        self._offer(waiting.agent)
        others = len(self._waiting)
        return Choice(waiting, self.policy.reason(waiting, others), others)

    def _has_place(self, agent: str) -> bool:
        places = min(self._places.get(agent, self._default), self.max_per_agent)
        return self._held.get(agent, 0) < places

    def _offer(self, agent: str) -> None:
        """Put the agent's first task before the choice, if the agent has a free place."""
        heap = self._heaps.get(agent)
        while heap and self._waiting.get(heap[0][1].task) is not heap[0][1]:
            heappop(heap)
        if not heap:
            self._heaps.pop(agent, None)
        elif self._has_place(agent):
            heappush(self._ready, (heap[0][0], agent))

"""Scheduling policies: each gives a waiting task a sort key once, when it begins to wait.

A key that does not change while time passes is what keeps a queue of any length cheap: no
policy has to look at what waits again. Ageing fits that form, because all tasks age alike.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from retinue.bus.errors import InvalidInput

__all__ = [
    "POLICIES",
    "Fifo",
    "Policy",
    "Priority",
    "RoundRobin",
    "Waiting",
    "check_priority",
    "make_policy",
]

HIGHEST, LOWEST, DEFAULT = 9, 0, 5


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """One task that waits: ``since`` is seconds since the epoch, ``order`` counts arrivals.

    ``steady`` is the same moment by a clock that nobody sets, and ``since`` where there is none:
    by the wall clock, one that is set back puts what came before behind what comes after.
    """

    task: str
    agent: str
    priority: int
    fairness: str
    since: float
    order: int
    attempt: int = 1
    steady: float | None = None


class Policy(Protocol):
    """What a policy decides; no clock, thread or I/O in here."""

    name: str

    def key(self, waiting: Waiting) -> tuple[float, int]:
        """Where the task stands in line: the smallest key is chosen first."""

    def chosen(self, waiting: Waiting, key: tuple[float, int]) -> None:
        """The task with that key was chosen."""

    def reason(self, waiting: Waiting, others: int) -> str:
        """Why this one and none of the ``others`` that could have run, in words."""


class Fifo:
    """The longest waiting first."""

    name = "fifo"

    def key(self, waiting: Waiting) -> tuple[float, int]:
        """By arrival alone."""
        return (0.0, waiting.order)

    def chosen(self, waiting: Waiting, key: tuple[float, int]) -> None:
        """Nothing to remember."""

    def reason(self, waiting: Waiting, others: int) -> str:
        """Say that it came first."""
        return f"oldest of {others + 1} waiting" if others else "only one waiting"


class Priority:
    """The most urgent first, where each ``ageing`` seconds of waiting count as one step.

    A task of priority 0 is therefore overtaken by at most nine steps' worth of newer work:
    after ``9 * ageing`` seconds everything that arrives stands behind it.
    """

    name = "priority"

    def __init__(self, ageing: float = 10.0) -> None:
        """``ageing`` is in seconds and has to be positive."""
        if not ageing > 0:
            raise InvalidInput(f"ageing is {ageing}: it has to be a positive number of seconds")
        self.ageing = ageing

    def key(self, waiting: Waiting) -> tuple[float, int]:
        """The moment at which it would have to arrive with priority 0 to stand where it does."""
        since = waiting.since if waiting.steady is None else waiting.steady
        return (since - waiting.priority * self.ageing, waiting.order)

    def chosen(self, waiting: Waiting, key: tuple[float, int]) -> None:
        """Nothing to remember."""

    def reason(self, waiting: Waiting, others: int) -> str:
        """Name the priority that won."""
        if not others:
            return "only one waiting"
        return f"priority {waiting.priority} with ageing {self.ageing:g} s, of {others + 1} waiting"


class RoundRobin:
    """Each fairness key, or agent where none is given, in turn (start-time fair queueing).

    A key's tasks stand one round apart. A key that was idle starts in the current round: it
    gets its turn at once, and no credit for the time it was away.
    """

    name = "round_robin"

    def __init__(self) -> None:
        """Start in round 0 with no key known."""
        self._round = 0.0
        self._last: dict[str, float] = {}

    def key(self, waiting: Waiting) -> tuple[float, int]:
        """The round in which it is this task's turn."""
        group = waiting.fairness or waiting.agent
        turn = max(self._last.get(group, -1.0) + 1.0, self._round)
        self._last[group] = turn
        return (turn, waiting.order)

    def chosen(self, waiting: Waiting, key: tuple[float, int]) -> None:
        """Move to the round of the chosen task, and forget keys that are behind it."""
        if key[0] > self._round:
            self._round = key[0]
            if len(self._last) > 1_024:
                self._last = {g: t for g, t in self._last.items() if t >= self._round}

    def reason(self, waiting: Waiting, others: int) -> str:
        """Name the key whose turn it was."""
        if not others:
            return "only one waiting"
        return f"turn of {waiting.fairness or waiting.agent!r}, of {others + 1} waiting"


POLICIES = ("fifo", "priority", "round_robin")


def make_policy(name: str, ageing: float = 10.0) -> Policy:
    """The policy of that name; raises ``InvalidInput`` that lists the names."""
    if name == "fifo":
        return Fifo()
    if name == "priority":
        return Priority(ageing)
    if name == "round_robin":
        return RoundRobin()
    raise InvalidInput(f"no scheduling policy is named {name!r}: use one of {', '.join(POLICIES)}")


def check_priority(priority: object) -> int:
    """The priority itself; raises ``InvalidInput`` unless it is a whole number from 0 to 9."""
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise InvalidInput(f"priority is {priority!r}: it has to be a whole number from 0 to 9")
    if not LOWEST <= priority <= HIGHEST:
        raise InvalidInput(
            f"priority {priority} is out of range: 0 to 9, where 9 is the most urgent"
        )
    return priority

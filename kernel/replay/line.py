"""The waiting line of a replay: who is next stands in the record."""

from __future__ import annotations

import re

import msgspec

from retinue.actors.scheduling.line import Choice, Line
from retinue.actors.scheduling.policies import make_policy
from retinue.bus.messages import TaskScheduled

__all__ = ["RecordedLine"]

_AGEING = re.compile(r"with ageing (\S+) s")
_NO_BOUND = 1 << 30


class RecordedLine(Line):
    """Which task runs next depended on every other run; that choice is taken from the record.

    What follows from it is worked out: the reason in words, by the policy that was in force.
    """

    def __init__(self) -> None:
        """Caps were kept when it was recorded."""
        super().__init__(make_policy("fifo"), _NO_BOUND, _NO_BOUND, places=_NO_BOUND)
        self._next: tuple[str, int] | None = None

    def waits(self, task: str) -> bool:
        """Whether the task is in line."""
        return task in self._waiting

    def let_next(self, task: str, scheduled: TaskScheduled) -> None:
        """The task is chosen when the Scheduler next looks."""
        ageing = _AGEING.search(scheduled.reason)
        self.policy = make_policy(scheduled.policy, float(ageing[1]) if ageing else 10.0)
        self._next = (task, scheduled.waiting)

    def choose(self) -> Choice | None:
        """The task that the record names, once; else none."""
        if self._next is None:
            return None
        (task, others), self._next = self._next, None
        waiting = self._waiting.pop(task, None)
        if waiting is None:
            return None
        choice = self._choose(waiting, (0.0, waiting.order))
        reason = self.policy.reason(waiting, others)
        return msgspec.structs.replace(choice, others=others, reason=reason)

"""What follows once a task is committed: it is handed to the Scheduler, its submitter answered."""

from __future__ import annotations

from typing import Any

from retinue.bus.envelope import Envelope

from .runtime import ActorRef, Future
from .runtime.future import VALUE

__all__ = ["Accepted"]


class Accepted:
    """To be called once, on the journal's thread; a closure would be eight objects."""

    __slots__ = ("_reply", "_scheduler", "_work")

    def __init__(self, scheduler: ActorRef[Any], work: Envelope, reply: Future[str]) -> None:
        """``work`` is the envelope of the ``RunTask``; ``reply`` gets the task's id."""
        self._scheduler = scheduler
        self._work = work
        self._reply = reply

    def __call__(self, _: object) -> None:
        """Hand over, and answer."""
        self._scheduler.tell(self._work)
        self._reply.settle(VALUE, self._work.task)

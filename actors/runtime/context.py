"""Which actor is running here: one slot a thread, read by waits and by ``current_actor``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Party", "Runner", "before_rest", "here"]


class Party(Protocol):
    """An actor as waits see it: it may wait for a future, and be woken."""

    closed: bool
    waiting: Any
    watched_until: float
    ref: Any
    system: Any

    @property
    def name(self) -> str:
        """The actor's name, unique in its system."""

    def wake(self) -> None:
        """Have the actor look again at what it waits for; any thread, any number of times."""

    def expect_by(self, deadline: float) -> None:
        """Have what the actor waits for expire at ``deadline``; its own thread, or the timers'."""


class Runner(Protocol):
    """What owns a thread that runs actors."""

    blocking: bool
    current: Any

    def later(self, callback: Callable[[], object]) -> None:
        """Call back before the thread next sleeps."""


def before_rest(callback: Callable[[], object]) -> None:
    """Call back once this thread's actors have nothing to do; at once on a host's thread.

    For waking another thread: a wake-up hands that thread the interpreter, so that one for each
    message makes the two take turns message by message. One after a batch costs a tenth.
    """
    if here.runner is None:
        callback()
    else:
        here.runner.later(callback)


class _Here(threading.local):
    runner: Runner | None = None


here = _Here()

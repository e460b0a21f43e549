"""Whether any agent's code runs at this moment of the kernel's clock, and when it next will.

For tests on a clock that is moved by hand. Code that waits on a loop, or for the kernel, is quiet;
code on a thread or in a process of its own is not, for nobody can tell what it waits for.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any, NamedTuple

from .executors import Executors
from .timekeeping import RESOLUTION

__all__ = ["activity", "busy", "next_due"]

NEVER = float("inf")
PATIENCE = 1.0
"""Seconds until a loop that does not turn counts as busy."""


class _Seen(NamedTuple):
    idle: bool
    due: float


def busy(executors: Executors) -> str:
    """Whose code runs, in words; empty when all wait. Not to be called on an agents' loop."""
    for thread in executors.loops():
        if thread.has_post or thread.blocking or not _look(thread.loop).idle:
            return f"the loop {thread.name}"
    for turn in list(executors.threads.live):
        if not turn.waits_for_the_kernel and not _look(turn.own_loop).idle:
            return turn.what()
    return ""


def activity(executors: Executors) -> int:
    """A number that changes whenever a thread or a process has the kernel do something."""
    return executors.shared.guests + sum(thread.blocked for thread in executors.loops())


def next_due(executors: Executors) -> float:
    """The moment of the next timer of an agents' loop, by its own time; infinity without one."""
    loops = [thread.loop for thread in executors.loops()]
    loops += [turn.own_loop for turn in list(executors.threads.live) if turn.own_loop is not None]
    return min((_look(loop).due for loop in loops), default=NEVER)


def _look(loop: asyncio.AbstractEventLoop | None) -> _Seen:
    """What a loop has to do, as it sees it itself, two turns of it later."""
    if loop is None:
        return _Seen(idle=False, due=NEVER)
    arrived, seen = threading.Event(), []

    def look() -> None:
        # Two facts that asyncio tells nobody: what is ready to run, and what is timed.
        inner: Any = loop
        timed = [timer.when() for timer in inner._scheduled if not timer.cancelled()]  # noqa: SLF001
        due = min(timed, default=NEVER)
        seen.append(_Seen(idle=not inner._ready and due > loop.time() + RESOLUTION, due=due))  # noqa: SLF001
        arrived.set()

    try:
        # The first turn ends with asyncio reading what woke it up: only the second shows the rest.
        loop.call_soon_threadsafe(loop.call_soon, look)
    except RuntimeError:  # the loop is closed
        return _Seen(idle=True, due=NEVER)
    arrived.wait(PATIENCE)
    return seen[0] if seen else _Seen(idle=False, due=NEVER)

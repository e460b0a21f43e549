"""Whether a system has anything to do at this moment of its clock, and when it next will.

For tests on a clock that is moved by hand: what waits for a reply, or for time to pass, is quiet.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .cell import Cell
from .mailbox import NOTHING
from .schedule import Timer
from .system import System
from .timers import NEVER

__all__ = ["activity", "busy", "next_due"]


def busy(system: System) -> str:
    """Who has something to do now, in words; empty when nobody has. Any thread."""
    for ref in system.refs():
        if not _is_quiet(ref.cell):
            return repr(ref)
    return "a timer that is due" if next_due(system) <= system.monotonic() else ""


def activity(system: System) -> int:
    """A number that changes whenever an actor has handled, or lost, a message."""
    counts = [ref.statistics() for ref in system.refs()]
    done = sum(c.handled + c.failed + c.dead_lettered + c.dropped for c in counts)
    return done + system.statistics().started


def next_due(system: System, besides: Collection[str] = ()) -> float:
    """The moment of the next timer, in the clock's seconds; infinity without one.

    Messages to the actors named in ``besides``, which look around now and then, do not count.
    """
    for when, task in system.timers.waiting():
        if not (isinstance(task, Timer) and task.recipient in besides):
            return when
    return NEVER


def _is_quiet(cell: Cell) -> bool:
    waiting: Any = cell.waiting
    if waiting is not None and not waiting.settled:
        return True
    idle = cell.coro is None and cell.entry is NOTHING and not cell.scheduled
    return idle and not cell.queue and not cell.urgent

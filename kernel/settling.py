"""Waiting until a kernel has nothing to do at this moment of its clock, and when it next will.

For tests that move the clock by hand. Nothing here is polled while the kernel works: each look
goes through the threads that would have to work, and so waits for them.
"""

from __future__ import annotations

import time

from retinue.actors.execution import quiet as agents
from retinue.actors.feed import Reader
from retinue.actors.runtime import quiet as actors
from retinue.bus.errors import DeadlineExceeded

from .tree import Tree

__all__ = ["next_due", "settle"]

LOOKERS = frozenset({"watchdog", "bus", "retention"})
"""Actors that look around every so often, for as long as the kernel runs."""
PAUSE = 0.002
"""Seconds between two looks at code that is beyond the kernel's sight; each commit ends it."""


def settle(tree: Tree, timeout: float) -> None:
    """Return once all wait: for a reply, for time to pass, or for somebody outside.

    Raises ``DeadlineExceeded`` after ``timeout`` seconds of the machine's, naming who is busy.
    """
    until = time.monotonic() + timeout
    reader = Reader(tree.feed, tree.store.last)
    try:
        while who := _busy(tree):
            if time.monotonic() > until:
                raise DeadlineExceeded(
                    f"the kernel has not settled within {timeout:g} s: {who} is busy still; what "
                    "runs outside the kernel's sight has to end, or to wait for the kernel"
                )
            reader.wait(PAUSE)
            for _ in reader.ready():
                pass
    finally:
        reader.close()


def next_due(tree: Tree) -> float:
    """The moment of the next timer, in the clock's monotonic seconds; infinity without one."""
    return min(actors.next_due(tree.system, LOOKERS), agents.next_due(tree.executors))


def _busy(tree: Tree) -> str:
    """Who has something to do; empty when nobody has.

    Work hops: from an actor to a loop, to a thread, and back. It is looked for at each place, and
    at each again; in between nothing may have begun anywhere, or it may have hopped past.
    """
    before = _activity(tree)
    for look in (_outside, _actors, _agents, _outside, _agents, _actors):
        if who := look(tree):
            return who
    return "" if _activity(tree) == before else "an actor"


def _activity(tree: Tree) -> tuple[int, ...]:
    began = agents.activity(tree.executors)
    return actors.activity(tree.system), began, tree.toolbox.calls


def _actors(tree: Tree) -> str:
    return actors.busy(tree.system)


def _agents(tree: Tree) -> str:
    return agents.busy(tree.executors)


def _outside(tree: Tree) -> str:
    """Plain tools on their threads, and agents in processes, between two calls of theirs."""
    if tree.toolbox.threads.running:
        return ", ".join(tree.toolbox.threads.running)
    apart = {entry.name for entry in tree.roster.entries() if entry.isolation == "process"}
    for working in list(tree.turns.values()):
        if working.turn.agent in apart and working.turn.step == "started":
            return f"agent {working.turn.agent!r} in its process"
    return ""

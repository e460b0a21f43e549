"""What became of the messages that the kernel's actors were sent: the numbers that an audit adds up."""

from __future__ import annotations

import time
from collections.abc import Callable

from retinue.actors.runtime import ActorRef, ActorStatistics, System

__all__ = ["Counts", "balances"]

Counts = dict[str, dict[str, int]]

MOST = 1_000
"""Actors that are told of by name; the rest, agents all of them, are told of together."""


LOOKS = 100
"""At an actor whose counts do not agree: while it works they may be off by what is on its way."""

PAUSE = 0.001
"""Seconds from one look to the next."""


def balances(system: System, sleep: Callable[[float], object] = time.sleep) -> Counts:
    """By actor: sent, handled, failed, dead_lettered, dropped and pending. Any thread.

    An actor of which a message is missing costs a tenth of a second.
    """
    told: Counts = {}
    for ref in system.refs():
        counts = _counts(_at_rest(ref, sleep))
        name = ref.name if len(told) < MOST else "others"
        before = told.get(name)
        told[name] = counts if before is None else {k: n + before[k] for k, n in counts.items()}
    return told


def _at_rest(ref: ActorRef[object], sleep: Callable[[float], object]) -> ActorStatistics:
    """What the actor says of itself between two messages; what is lost is missing at each look."""
    said = ref.statistics()
    for _ in range(LOOKS):
        if said.balanced:
            break
        sleep(PAUSE)
        said = ref.statistics()
    return said


def _counts(said: ActorStatistics) -> dict[str, int]:
    return {
        "sent": said.sent,
        "handled": said.handled,
        "failed": said.failed,
        "dead_lettered": said.dead_lettered,
        "dropped": said.dropped,
        "pending": said.pending,
    }

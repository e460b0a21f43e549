"""What became of the messages that the kernel's actors were sent: the numbers that an audit adds up."""

from __future__ import annotations

from retinue.actors.runtime import ActorRef, System

__all__ = ["Counts", "balances"]

Counts = dict[str, dict[str, int]]

MOST = 1_000
"""Actors that are told of by name; the rest, agents all of them, are told of together."""


def balances(system: System) -> Counts:
    """By actor: handled, failed, dead_lettered, dropped and pending. Any thread."""
    told: Counts = {}
    for ref in system.refs():
        counts = _counts(ref)
        name = ref.name if len(told) < MOST else "others"
        before = told.get(name)
        told[name] = counts if before is None else {k: n + before[k] for k, n in counts.items()}
    return told


def _counts(ref: ActorRef[object]) -> dict[str, int]:
    said = ref.statistics()
    return {
        "handled": said.handled,
        "failed": said.failed,
        "dead_lettered": said.dead_lettered,
        "dropped": said.dropped,
        "pending": said.pending,
    }

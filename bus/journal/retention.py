"""How much a journal keeps, and what holds a trim back: pure decisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

__all__ = ["Facts", "Hold", "Retention", "TrimReport", "decide", "wanted_cut"]


class Retention(msgspec.Struct, frozen=True):
    """Bounds of a journal; ``None`` is no bound. What is over any of them may go, oldest first."""

    max_age: float | None = None
    """Seconds. Events go while all before them are older, so a clock that jumped cuts no hole."""
    max_events: int | None = None
    max_bytes: int | None = None
    """Of the file's used pages; the average size of an event tells how many have to go."""


class Facts(NamedTuple):
    """What there is: the events kept, the bytes in use, and the newest of the old."""

    first: int
    last: int
    used_bytes: int
    old_until: int


class Hold(NamedTuple):
    """Somebody who still needs the events from ``first`` on."""

    who: str
    first: int


class TrimReport(msgspec.Struct, frozen=True):
    """What a trim did. ``first`` is the oldest event kept now, ``removed`` how many went.

    ``held_by`` names the live runs and readers that kept it from what the bounds ask for, ``passed``
    those whose events were cut all the same; ``more`` tells that another call would go on.
    """

    first: int
    removed: int
    held_by: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    more: bool = False


def wanted_cut(bounds: Retention, facts: Facts) -> int:
    """Up to which ``seq`` the bounds ask to remove; ``first - 1`` when nothing is over them."""
    kept = facts.last - facts.first + 1
    cut = facts.first - 1
    if bounds.max_age is not None:
        cut = max(cut, facts.old_until)
    if bounds.max_events is not None:
        cut = max(cut, facts.last - bounds.max_events)
    if bounds.max_bytes is not None and facts.used_bytes > bounds.max_bytes and kept:
        over = (facts.used_bytes - bounds.max_bytes) / facts.used_bytes
        cut = max(cut, facts.first - 1 + int(over * kept) + 1)
    return min(cut, facts.last)


def decide(
    cut: int, holds: Iterable[Hold], *, pass_holds: bool
) -> tuple[int, Sequence[str], Sequence[str]]:
    """Where to cut, who holds it back, and whom it passes."""
    holding = sorted(hold for hold in holds if hold.first <= cut)
    names = [hold.who for hold in holding]
    if pass_holds:
        return cut, (), names
    return min([cut, *(hold.first - 1 for hold in holding)]), names, ()

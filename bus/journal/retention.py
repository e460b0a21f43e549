"""How much a journal keeps, and what holds a trim back: pure decisions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec

from ..envelope import Event
from .store import Filter

__all__ = [
    "Cuttable",
    "Facts",
    "Hold",
    "Pages",
    "Retention",
    "TrimReport",
    "decide",
    "eased",
    "wanted_cut",
]


class Retention(msgspec.Struct, frozen=True):
    """Bounds of a journal; ``None`` is no bound. What is over any of them may go, oldest first."""

    max_age: float | None = None
    """Seconds. Events go while all before them are older, so a clock that jumped cuts no hole."""
    max_events: int | None = None
    max_bytes: int | None = None
    """Of the file's used pages; the average size of an event tells how many have to go."""

    @property
    def any(self) -> bool:
        """Whether there is a bound at all."""
        return (self.max_age, self.max_events, self.max_bytes) != (None, None, None)


class Pages(NamedTuple):
    """A journal's file: its pages, how many of them are free, and the bytes of each."""

    total: int
    free: int
    size: int

    @property
    def used_bytes(self) -> int:
        """What events take."""
        return (self.total - self.free) * self.size


class Facts(NamedTuple):
    """What there is: the events kept, the bytes in use, and the newest of the old."""

    first: int
    last: int
    used_bytes: int
    old_until: int


class Cuttable(Protocol):
    """What retention needs of a store, besides an ``EventStore``; as ``SqliteStore`` has it."""

    @property
    def first(self) -> int:
        """The oldest ``seq`` still kept."""

    @property
    def last(self) -> int:
        """The newest ``seq``."""

    def read(
        self, after: int = 0, only: Filter | None = None, limit: int | None = None
    ) -> Iterator[Event]:
        """See ``EventStore.read``."""

    def wanted(self, bounds: Retention, now: float) -> int:
        """Up to which ``seq`` the bounds ask to remove."""

    def boundary(self, seq: int) -> int:
        """The last place up to ``seq`` where it can be cut."""

    def holds(self, cut: int, live_runs: Collection[str]) -> list[Hold]:
        """The live runs and registered readers that need an event up to ``cut``."""

    def cut(self, until: int, budget: int = 1_000) -> int:
        """Remove up to ``until``, about ``budget`` events; returns how many."""

    def vacuum(self, pages: int) -> int:
        """Give free pages back; returns how many are left."""

    def write_back(self) -> None:
        """Have the file be as short as it can; any thread may."""

    def pages(self) -> Pages:
        """How large the file is."""

    def readers(self) -> dict[str, int]:
        """The registered readers and their cursors."""

    def register_reader(self, name: str, cursor: int) -> None:
        """No cut goes beyond ``cursor`` unasked."""

    def forget_reader(self, name: str) -> None:
        """The reader needs nothing more."""


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


def eased(bounds: Retention) -> Retention:
    """An eighth below the bounds: where a cut goes that was due, so that the next is not due at once."""
    return Retention(
        None if bounds.max_age is None else bounds.max_age * _EASE,
        None if bounds.max_events is None else int(bounds.max_events * _EASE),
        None if bounds.max_bytes is None else int(bounds.max_bytes * _EASE),
    )


def decide(
    cut: int, holds: Iterable[Hold], *, pass_holds: bool
) -> tuple[int, Sequence[str], Sequence[str]]:
    """Where to cut, who holds it back, and whom it passes."""
    holding = sorted(hold for hold in holds if hold.first <= cut)
    names = [hold.who for hold in holding]
    if pass_holds:
        return cut, (), names
    return min([cut, *(hold.first - 1 for hold in holding)]), names, ()


_EASE = 7 / 8

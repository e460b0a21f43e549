"""How much of the journal is kept, what a round of letting go did, and what is worth one. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from retinue.bus.journal.checkpoints import Checkpoint
from retinue.bus.journal.retention import Cuttable, Pages, Retention
from retinue.bus.messages import JournalTrimmed

__all__ = ["STATE", "Policy", "Record", "Trimmed", "holders", "is_worth_it", "spare_pages", "told"]

SPARE = 256
"""Free pages that stay for what comes, or an eighth of the file."""

STATE = "the state itself"
"""Holds a cut that would write more than it removes."""


class Policy(msgspec.Struct, frozen=True):
    """How much the journal keeps, and how often that is looked at, in seconds.

    ``holds`` says whether live runs and registered readers ``keep`` what they need, or a cut may
    ``pass`` them.
    """

    bounds: Retention = Retention()
    every: float = 60.0
    holds: Literal["keep", "pass"] = "keep"


class Trimmed(msgspec.Struct, frozen=True):
    """What a round did; see ``JournalTrimmed``. ``more`` says that another one would go on."""

    first: int
    removed: int = 0
    held_by: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    until: int = 0
    letters: int = 0
    more: bool = False


class Record:
    """What the last round did. Written by the Keeper, read by any thread."""

    def __init__(self) -> None:
        """None yet."""
        self.last = Trimmed(0)
        self.trouble = ""
        """Why the last round was given up; empty when it was not."""


def holders(trimmed: Trimmed) -> tuple[str, ...]:
    """Those who are worth an event; that more has to come first is not."""
    return tuple(who for who in trimmed.held_by if who != STATE)


def told(trimmed: Trimmed) -> JournalTrimmed:
    """The event that says so."""
    return JournalTrimmed(
        trimmed.first,
        trimmed.removed,
        trimmed.held_by,
        trimmed.passed,
        trimmed.until,
        trimmed.letters,
    )


def is_worth_it(store: Cuttable, cut: int, base: Checkpoint | None) -> bool:
    """Whether more goes than comes: the next checkpoint will be about as large as the last."""
    if base is None:
        return True
    kept = store.last - store.first + 1
    going = store.pages().used_bytes * (cut - store.first + 1) / kept
    return going >= 2 * base.size


def spare_pages(pages: Pages) -> int:
    """How many free pages are more than the next events will take."""
    return pages.free - max(SPARE, pages.total // 8)

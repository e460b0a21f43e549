"""What the consumers of a group are handed, and what is known of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from ..wire import ObservedEvent

__all__ = ["Delivery", "Lag", "Poison", "Stand"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event to be dealt with; ``times`` counts how often it was handed to somebody, from 1."""

    event: ObservedEvent
    times: int = 1


@dataclass(frozen=True, slots=True)
class Poison:
    """An event that was handed out ``times`` times and never acknowledged. It will not come again."""

    event: ObservedEvent
    times: int


class Lag(msgspec.Struct, frozen=True):
    """How far a group is behind: events not yet handed to anybody, and handed out but not done.

    ``waiting`` counts entries of the stream; ``oldest`` is the ``seq`` of the first that is not
    done, 0 for none. ``pending`` counts by consumer.
    """

    waiting: int
    pending: dict[str, int]
    oldest: int


@dataclass(slots=True)
class Stand:
    """What a group would have to be made of again, should Redis lose it."""

    journal: bytes | None = None
    handed_out: int = 0
    oldest: int = 0
    held: set[int] = field(default_factory=set)

    def begin(self) -> int:
        """The ``seq`` after which everything has to be handed out, perhaps again."""
        undone = [seq for seq in (self.oldest, *self.held) if seq]
        return min([self.handed_out, *(seq - 1 for seq in undone)])

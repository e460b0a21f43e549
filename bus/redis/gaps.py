"""Events that did not reach a reader, and where they may still be had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..errors import Unavailable
from ..wire import ObservedEvent

__all__ = ["Filled", "Filler", "Gap", "how_to_fill", "missed"]


class Filled(list[ObservedEvent]):
    """The events of a gap that the kernel still has, in order.

    ``lost`` are the ranges, both ends included, that nobody has any more. What is in neither was
    left out of the mirror on purpose, or is not what the reader asked for.
    """

    def __init__(
        self, events: Sequence[ObservedEvent] = (), lost: Sequence[tuple[int, int]] = ()
    ) -> None:
        super().__init__(events)
        self.lost = tuple(lost)


class Filler(Protocol):
    """Whoever can ask for what is in a gap; see ``Gap.fill``."""

    kernel: str

    def fill(self, first: int, last: int, timeout: float, journal: str = "") -> Filled:
        """The events of a range, of this journal."""


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """Events that did not reach the reader, ``first`` to ``last``, both included.

    Gaps of one range are equal, whoever found them.

    Where the kernel numbers its events anew, because it has another journal, there is a gap with
    ``anew``: the ``seq`` that the reader had in the journal before. It is empty, from 1 to 0; what
    is missing of the new journal comes in gaps of its own. What came after ``anew`` in the one
    before is not told any more.
    """

    first: int
    last: int
    _filler: Filler | None = field(default=None, repr=False)
    anew: int | None = None
    journal: str = ""
    """What the journal of these numbers is known by; empty where nobody can tell."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Gap):
            return NotImplemented
        return (self.first, self.last, self.anew) == (other.first, other.last, other.anew)

    def __hash__(self) -> int:
        return hash((self.first, self.last, self.anew))

    def __len__(self) -> int:
        return self.last - self.first + 1

    def fill(self, timeout: float = 5.0) -> Filled:
        """Ask the kernel for them; ``timeout`` is in seconds, for all of them together.

        Blocks. Raises ``Unavailable`` when no kernel answers, or it answers too little in time.
        """
        return self._source().fill(self.first, self.last, timeout, self.journal)

    def parts(self, size: int = 1000) -> Iterator[Gap]:
        """The same gap in pieces of at most ``size`` events, for one that is too long to hold."""
        for first in range(self.first, self.last + 1, size):
            yield replace(self, first=first, last=min(first + size - 1, self.last))

    @property
    def how_to_fill(self) -> str:
        """Where to ask for the events, for people and for other programs."""
        if self.anew is not None:
            return f"what came after {self.anew} in the journal before is in its file, if anywhere"
        return how_to_fill(self._filler.kernel if self._filler else "", self.first, self.last)

    def _source(self) -> Filler:
        if self._filler is None:
            raise Unavailable(
                f"events {self.first} to {self.last}: this gap comes from no reader that could ask"
                f" for them: {self.how_to_fill}"
            )
        return self._filler


def how_to_fill(kernel: str, first: int, last: int) -> str:
    """Where to ask for the events of a range, in one line."""
    page = f"`retinue log --after {first - 1} --before {last + 1}`"
    http = f"GET /v1/events?from={first}&follow=false"
    named = f" of kernel {kernel}" if kernel else ""
    return f"ask the journal{named}: gap.fill() in Python, {http} on the daemon, or {page}"


def missed(cursor: int | None, previous: int) -> Gap | None:
    """The gap before an event whose ``previous`` is the one that was mirrored before it.

    ``cursor`` is the last ``seq`` seen; ``None`` when the reader begins with this event.
    """
    if cursor is None or previous <= cursor:
        return None
    return Gap(cursor + 1, previous)

"""A stream that lacks what was mirrored: its newest part, from the journal, page by page."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..envelope import Event
from ..topics import Selection
from .backlog import Backlog

__all__ = ["Fill", "Filling"]

_EVENTS = 2048
_BYTES = 1 << 20
_PATIENCE = 2.0
"""Seconds that new events wait at most while older ones are filled in."""


class Fill(msgspec.Struct, frozen=True):
    """One page for the stream; ``previous`` as in a batch, ``floor`` is what it must have."""

    events: Sequence[Event]
    previous: int
    floor: int


class Filling:
    """The way from what the stream has to what it should have. Used by one thread.

    A stream grows at its end only, so what is new has to wait until this is ``over``.
    """

    def __init__(
        self, backlog: Backlog, selection: Selection, top: int, until: int, most: int
    ) -> None:
        """The stream ends at ``top``; it should end at ``until``, with ``most`` events at most."""
        self._backlog = backlog
        self._selection = selection
        self._until = until
        self._after = max(top, until - most)
        self._top = top
        self._previous = self._after
        self._since: float | None = None

    def __repr__(self) -> str:
        return f"<Filling after {self._after} until {self._until}>"

    @property
    def over(self) -> bool:
        """Whether all is filled in."""
        return self._after >= self._until

    @property
    def top(self) -> int:
        """The newest ``seq`` that the stream has."""
        return self._top

    @property
    def previous(self) -> int:
        """What to tell that the next event follows."""
        return self._previous

    def page(self) -> Fill:
        """The next page; it may be empty. The same one until ``done``."""
        page = self._backlog.page(self._after, self._until, _EVENTS, _BYTES)
        self._reached = page.reached
        return Fill(self._selection.chosen(page.events), page.lost or self._previous, self._top)

    def done(self, fill: Fill) -> None:
        """The stream has the page."""
        self._after = self._reached
        self._previous = fill.previous
        if fill.events:
            self._previous = self._top = fill.events[-1].seq

    def hurry(self, now: float, *, others_wait: bool) -> None:
        """Leave the rest out when new events have waited for too long; observers see a gap.

        ``now`` is monotonic, in seconds.
        """
        if self._since is None or not others_wait:
            self._since = now
        elif now - self._since > _PATIENCE and not self.over:
            self._after = self._previous = self._until

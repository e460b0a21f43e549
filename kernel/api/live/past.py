"""What one client missed, read from the journal in its form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from retinue.bus.envelope import Event
from retinue.bus.journal import EventStore, Filter

from .group import chunks_of
from .pages import Page, read_page
from .shared import Encoders, Shared
from .speakers import Speaker
from .views import View
from .wanted import Wanted

__all__ = ["Past", "Read"]

_PRIME = 2048  # events before the cursor that a dialect hears, so that it knows what is under way


class Read(NamedTuple):
    """Bytes, and how many events they are; all up to ``until``, but what is gone up to ``lost``."""

    data: bytes
    events: int
    until: int
    lost: int


class Past:
    """Used by one thread at a time, which may be a reader's: it blocks while the journal is read."""

    def __init__(self, store: EventStore, kernel: str, wanted: Wanted, view: View) -> None:
        """``view`` says how events look."""
        self._store = store
        self._wanted = wanted
        self._view = view
        self._encoders = Encoders(kernel)
        self._speaker = Speaker(view.dialect) if view.dialect else None

    @property
    def primed(self) -> bool:
        """Whether its dialect knows what is under way, or need not."""
        return self._speaker is None or self._speaker.primed

    def prime(self, cursor: int) -> Read:
        """Have the dialect hear what was before, and say nothing of it."""
        if self._speaker is not None:
            after = max(0, cursor - _PRIME)
            self._speaker.hear(self._store.read(after, limit=cursor - after))
        return Read(b"", 0, cursor, 0)

    def next(self, cursor: int, end: int | None, go_on: Callable[[], bool]) -> Read:
        """The page after ``cursor``; see ``read_page``."""
        return self._shown(cursor, read_page(self._store, cursor, self._filter(), end, go_on))

    def recent(self, cursor: int, events: Sequence[Event], until: int) -> Read:
        """Events that are at hand: all after ``cursor`` up to ``until``."""
        return self._shown(cursor, Page(list(events), until, 0))

    def give_up_speaker(self) -> Speaker | None:
        """Its dialect, if that has heard every event so far; the next one has to be primed."""
        speaker = None if self._wanted.run else self._speaker
        self._speaker = Speaker(self._view.dialect) if self._view.dialect else None
        return speaker

    def _shown(self, cursor: int, page: Page) -> Read:
        batch = [self._shared(event) for event in page.events]
        chunks, _ = chunks_of(batch, self._wanted, self._view, max(cursor, page.lost))
        events = sum([chunk.events for chunk in chunks])
        return Read(b"".join([chunk.data for chunk in chunks]), events, page.until, page.lost)

    def _shared(self, event: Event) -> Shared:
        said = {} if self._speaker is None else {self._view.dialect: self._speaker.say(event)}
        return Shared(event, self._encoders, said)

    def _filter(self) -> Filter | None:
        """A dialect hears every event of its run: one tells it what another is about."""
        if not self._view.dialect:
            return self._wanted.filter()
        return Filter(run=self._wanted.run) if self._wanted.run else None

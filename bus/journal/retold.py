"""Reading a journal that was cut as if what still matters of the oldest events were there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import chain, islice

from ..envelope import Event
from .checkpoints import Checkpoint, Readable, newest
from .store import Filter

__all__ = ["Retold"]


class Retold:
    """What a checkpoint retells, then what came after it; a journal that was not cut as it is.

    For one question: what was there when it is first read is what it goes by. Any thread.
    """

    def __init__(self, journal: Readable) -> None:
        """Nothing is read yet."""
        self._journal = journal

    @property
    def first(self) -> int:
        """The oldest ``seq`` that the journal itself keeps."""
        return self._journal.first

    @property
    def last(self) -> int:
        """The newest ``seq``."""
        return self._journal.last

    @cached_property
    def checkpoint(self) -> Checkpoint | None:
        """What stands for the events that went; ``None`` when none did, or nothing does."""
        return newest(self._journal) if self._journal.first > 1 else None

    def read(
        self, after: int = 0, only: Filter | None = None, limit: int | None = None
    ) -> Iterator[Event]:
        """As ``EventStore.read``; the numbers of what is retold have gaps."""
        found = self.checkpoint
        if found is None or after >= found.until:
            return self._journal.read(after, only, limit)
        told = (
            e for e in found.events if e.seq > after and (only is None or only.matches(e.envelope))
        )
        return islice(chain(told, self._journal.read(found.until, only)), limit)

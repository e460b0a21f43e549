"""The JournalActor: the one writer of the event store, and the first to tell what is committed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from retinue.bus.envelope import Envelope, Event
from retinue.bus.journal import EventStore

from .runtime import ThreadActor
from .scribe import Append

__all__ = ["JournalActor"]

Listener = Callable[[Sequence[Event]], None]

MAX_GROUP = 1_000
"""Events in one commit: beyond some hundreds, larger groups gain nothing."""


class JournalActor(ThreadActor):
    """Commits events in groups, as they come: what waits is drained, and nobody lingers.

    After a commit, in this order: each sender's ``then``, then the listeners (results that
    somebody waits for, live readers, the mirror). All run on this thread and must be short.
    """

    def __init__(self, store: EventStore, listeners: Sequence[Listener]) -> None:
        """``store`` is written by this actor alone."""
        super().__init__()
        self._store = store
        self._listeners = tuple(listeners)
        self._group: list[Append] = []
        self._size = 0

    def on_receive(self, message: Append) -> None:
        """Take the events into the group; commit it once nothing else waits, or it is large."""
        self._group.append(message)
        self._size += len(message.envelopes)
        if self._size >= MAX_GROUP or self.actor_inbox.empty():
            self._commit()

    def on_stop(self) -> None:
        """Commit what is left."""
        if self._group:
            self._commit()

    def _commit(self) -> None:
        group, self._group, self._size = self._group, [], 0
        envelopes = group[0].envelopes if len(group) == 1 else _joined(group)
        events = self._store.append(envelopes)
        start = 0
        for message in group:
            end = start + len(message.envelopes)
            if message.then is not None:
                message.then(events[start:end])
            start = end
        for listener in self._listeners:
            listener(events)


def _joined(group: Sequence[Append]) -> list[Envelope]:
    return [envelope for message in group for envelope in message.envelopes]

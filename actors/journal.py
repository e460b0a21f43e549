"""The JournalActor: the one writer of the event store, and the first to tell what is committed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec

from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import JournalError
from retinue.bus.journal import EventStore
from retinue.bus.journal.retention import Cuttable

from .runtime import ActorRef, ThreadActor
from .scribe import Append

__all__ = ["Cut", "InlineJournalActor", "JournalActor", "JournalHealth", "Vacuum"]

Listener = Callable[[Sequence[Event]], None]

MAX_GROUP = 1_000
"""Events in one commit: beyond some hundreds, larger groups gain nothing."""

RETRY_AFTER = 0.25
"""Seconds between attempts to write what the store could not take."""


class JournalHealth:
    """Whether the journal takes events. Written by the JournalActor, read by any thread."""

    def __init__(self) -> None:
        """Well, until told otherwise."""
        self.trouble = ""


class Cut(msgspec.Struct, frozen=True):
    """Asks to remove some events, ``until`` at most, of a store that can; answered with how many."""

    until: int
    budget: int


class Vacuum(msgspec.Struct, frozen=True):
    """Asks to give some free pages back; answered with how many are left."""

    pages: int


class _TryAgain(msgspec.Struct, frozen=True):
    """It is time to write what could not be written before."""


class JournalActor(ThreadActor):
    """Commits events in groups, as they come: what waits is drained, and nobody lingers.

    After a commit, in this order: each sender's ``then``, then the listeners (results that
    somebody waits for, live readers, the mirror). All run on this thread and must be short.

    A store that cannot take a group (a full disk, a locked file) is tried again until it can;
    meanwhile ``health`` says why, and nothing that was handed in is given up.

    Removing old events is one small step at a time, so that a commit waits for one at most.
    """

    def __init__(
        self,
        store: EventStore,
        listeners: Sequence[Listener],
        health: JournalHealth,
        after: Callable[[float, ActorRef[Any], Any], Any],
    ) -> None:
        """``store`` is written by this actor alone; ``after`` starts a timer."""
        super().__init__()
        self._store = store
        self._listeners = tuple(listeners)
        self._health = health
        self._after = after
        self._inbox = self.actor_inbox
        self._group: list[Append] = []
        self._size = 0

    def on_receive(self, message: Append | Cut | Vacuum | _TryAgain) -> Any:
        """Take the events into the group; commit it once nothing else waits, or it is large."""
        if isinstance(message, Append):
            self._group.append(message)
            self._size += len(message.envelopes)
            if self._health.trouble or (self._size < MAX_GROUP and not self._inbox.empty()):
                return None
        elif isinstance(message, Cut | Vacuum):
            return self._tidy(message)
        self._commit()
        return None

    def _tidy(self, message: Cut | Vacuum) -> Any:
        """A step of housekeeping, after all that came before it is committed."""
        if self._group and not self._health.trouble:
            self._commit()
        store = cast("Cuttable", self._store)
        try:
            if isinstance(message, Cut):
                return store.cut(message.until, message.budget)
            return store.vacuum(message.pages)
        except JournalError as error:
            return self.refuse(error)

    def on_stop(self) -> None:
        """Commit what is left."""
        if self._group:
            self._commit()

    def _commit(self) -> None:
        group = self._group
        envelopes = group[0].envelopes if len(group) == 1 else _joined(group)
        try:
            events = self._store.append(envelopes)
        except JournalError as error:
            self._health.trouble = str(error)
            if error.retryable:
                self._after(RETRY_AFTER, self.actor_ref, _TryAgain())
            return
        self._group, self._size = [], 0
        self._health.trouble = ""
        self._tell(group, events)

    def _tell(self, group: Sequence[Append], events: Sequence[Event]) -> None:
        """Tell everybody, also when one of them fails; the first failure is raised at the end."""
        failure: Exception | None = None
        start = 0
        for message in group:
            end = start + len(message.envelopes)
            if message.then is not None:
                try:
                    message.then(events[start:end])
                except Exception as error:  # noqa: BLE001 - raised below
                    failure = failure or error
            start = end
        for listener in self._listeners:
            try:
                listener(events)
            except Exception as error:  # noqa: BLE001 - raised below
                failure = failure or error
        if failure is not None:
            raise failure


class InlineJournalActor(JournalActor):
    """The same on the dispatcher's thread, for a store that never waits for anything.

    A task on an idle kernel changes threads four times less, which is a third of its time.
    """

    owns_thread = False


def _joined(group: Sequence[Append]) -> list[Envelope]:
    return [envelope for message in group for envelope in message.envelopes]

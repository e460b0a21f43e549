"""Live reading of the journal: a cursor, and a wake-up when there is more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from retinue.bus.envelope import Event
from retinue.bus.journal import EventStore, Filter

__all__ = ["Feed", "Reader"]


class Feed:
    """Tells readers that something was committed. What it was they read from the store, or are told.

    A reader that is slow or stuck costs the kernel one flag, and never an event.
    """

    def __init__(self, store: EventStore) -> None:
        """Readers read from ``store``."""
        self.store = store
        self._lock = threading.Lock()
        self._wakes: tuple[Callable[[], None], ...] = ()
        self._takers: tuple[Callable[[Sequence[Event]], None], ...] = ()
        self.closed = False

    def committed(self, events: Sequence[Event]) -> None:
        """Hand the events on, and wake the readers; a listener of the journal."""
        for take in self._takers:
            take(events)
        for wake in self._wakes:
            wake()

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have ``wake`` called after each commit, on the journal's thread; returns the way out."""
        with self._lock:
            self._wakes = (*self._wakes, wake)
        return lambda: self._unsubscribe(wake)

    def listen(self, take: Callable[[Sequence[Event]], None]) -> Callable[[], None]:
        """Have ``take`` called with each commit's events, on the journal's thread; returns the way out.

        None of them is missed that is newer than the store's ``last`` after this call. A call
        without events tells of something else, perhaps of the end.
        """
        with self._lock:
            self._takers = (*self._takers, take)
        return lambda: self._ignore(take)

    def close(self) -> None:
        """Wake everybody for the last time."""
        self.closed = True
        self.committed(())

    def _unsubscribe(self, wake: Callable[[], None]) -> None:
        with self._lock:
            self._wakes = tuple(w for w in self._wakes if w is not wake)

    def _ignore(self, take: Callable[[Sequence[Event]], None]) -> None:
        with self._lock:
            self._takers = tuple(t for t in self._takers if t != take)


class Reader:
    """Committed events after a cursor, each once and in order, then those to come.

    For one thread. ``cursor`` is the last ``seq`` that was read.
    """

    def __init__(
        self,
        feed: Feed,
        after: int = 0,
        only: Filter | None = None,
        wake: Callable[[], None] | None = None,
    ) -> None:
        """Start behind ``after``; nothing is missed between this call and the first read.

        ``wake`` is called on the journal's thread when there is more, for those who do not ``wait``.
        """
        self._feed = feed
        self._only = only
        self.cursor = after
        self._more = threading.Event()
        self._leave = feed.subscribe(wake or self._more.set)

    def ready(self) -> Iterator[Event]:
        """What is committed already."""
        self._more.clear()
        until = self._feed.store.last
        for event in self._feed.store.read(self.cursor, self._only):
            self.cursor = event.seq
            yield event
        self.cursor = max(self.cursor, until)

    def wait(self, timeout: float | None) -> bool:
        """Wait until there may be more; ``False`` when nothing came in ``timeout`` seconds."""
        return self._more.wait(timeout)

    @property
    def ended(self) -> bool:
        """Whether the kernel is closed and everything was read."""
        return self._feed.closed and not self._more.is_set()

    def close(self) -> None:
        """Stop listening."""
        self._leave()

"""Events that wait for Redis: bounded in bytes, the oldest forgotten first, and all accounted for."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import msgspec

from ..coalescing import Coalescer
from ..envelope import Event
from ..topics import Selection
from .backlog import Backlog, Page
from .waiting import OVERHEAD, Waiting, size_of

__all__ = ["Batch", "Outbox", "OutboxCounts"]


class Batch(msgspec.Struct, frozen=True):
    """Events on their way. ``previous`` was mirrored before the first, ``last`` ends the batch.

    ``last`` may be the ``seq`` of an event that the selection leaves out; ``events`` may be empty.
    ``chosen`` is how many of the kernel's events they are, as pieces of text may be joined.
    """

    events: Sequence[Event]
    previous: int
    last: int
    chosen: int
    left_out: int
    size: int


class OutboxCounts(msgspec.Struct, frozen=True):
    """Events so far: each offered one is published, dropped, left out by the selection, or pending.

    ``pending`` are held, on their way, or forgotten and to be read from the journal; ``size`` is
    what those in memory take. ``refilled`` were read from the journal.
    """

    published: int
    dropped: int
    pending: int
    size: int
    left_out: int
    refilled: int


class Outbox:
    """A queue with one reader. ``offer`` never blocks and never fails; any thread may call it.

    Over its bound it forgets the oldest events. With a ``backlog`` it notes where they begin, and
    ``take`` reads them from the journal before it comes to those that it holds; without one, and
    where the journal has no longer got them, they are dropped, and counted.
    """

    def __init__(
        self,
        selection: Selection | None = None,
        max_bytes: int = 64 << 20,
        *,
        backlog: Backlog | None = None,
        coalescer: Coalescer | None = None,
    ) -> None:
        """``max_bytes`` bounds bodies and an allowance of 256 bytes an event."""
        self._selection = selection or Selection()
        self._max_bytes = max_bytes
        self._backlog = backlog
        self._coalescer = coalescer or Coalescer()
        self._lock = threading.Lock()
        self._waiting = Waiting()
        self._batch: Batch | None = None
        self._forgotten: _Forgotten | None = None
        self._size = self._count = 0
        self._published = self._dropped = self._left_out = self._refilled = 0
        self._previous: int | None = None
        self._missing = self._last = self._begun = 0
        self._resting = False

    @property
    def max_bytes(self) -> int:
        """The bound."""
        return self._max_bytes

    @property
    def selection(self) -> Selection:
        """What is mirrored."""
        return self._selection

    @property
    def backlog(self) -> Backlog | None:
        """The journal, where there is one to read from."""
        return self._backlog

    @property
    def behind(self) -> bool:
        """Whether events are to be read from the journal."""
        return self._forgotten is not None

    def __repr__(self) -> str:
        counts = self.counts()
        return f"<Outbox pending={counts.pending} bytes={counts.size} dropped={counts.dropped}>"

    def offer(self, events: Sequence[Event]) -> bool:
        """Queue a group; tells whether the reader rests and has to be woken."""
        if not events:
            return False
        size = size_of(events)
        with self._lock:
            self._waiting.add(events, size)
            self._size += size
            self._count += len(events)
            self._forget()
            resting, self._resting = self._resting, False
            return resting

    def take(
        self, max_events: int = 2048, max_bytes: int = 1 << 20, now: float = 0.0
    ) -> Batch | None:
        """The batch that is on its way, or the next one; ``None`` when nothing is to go.

        ``now`` is monotonic, in seconds, for text that is held back to be joined. Raises
        ``JournalError`` when forgotten events cannot be read: try again later.
        """
        if self._batch is None:
            self._batch = (
                self._from_journal(max_events, max_bytes, now)
                or self._from_memory(max_events, max_bytes, now)
                or self._text(now)
            )
        return self._batch

    def done(self) -> int:
        """The batch on its way has arrived; returns its ``last``."""
        batch, self._batch = self._batch, None
        if batch is None:
            return 0
        with self._lock:
            self._size -= batch.size
            self._count -= batch.chosen + batch.left_out
            self._published += batch.chosen
            self._left_out += batch.left_out
        return batch.last

    def begin_after(self, previous: int) -> None:
        """Before the first event: the one of this ``seq`` was mirrored last, by an earlier start."""
        if self._previous is None:
            self._previous = previous

    def rest(self) -> bool:
        """Tell whether nothing is to be done at once; if so, ``offer`` says to wake the reader."""
        with self._lock:
            waits = self._waiting or self._batch is not None or self._forgotten is not None
            self._resting = not waits
            return self._resting

    def wait(self, now: float) -> float | None:
        """Seconds until text that is held back has to go; ``None`` when there is none."""
        return self._coalescer.wait(now)

    def counts(self) -> OutboxCounts:
        """How many were published and dropped, and what is held, on its way included."""
        with self._lock:
            forgotten = self._forgotten.chosen if self._forgotten else 0
            return OutboxCounts(
                self._published,
                self._dropped,
                self._count + forgotten,
                self._size,
                self._left_out,
                self._refilled,
            )

    def _forget(self) -> None:
        """Let the oldest go that are over the bound; under the lock."""
        if self._size <= self._max_bytes:
            return
        events, size = self._waiting.remove(self._count, self._size - self._max_bytes)
        if not events:
            return
        chosen = self._selection.chosen(events)
        self._size -= size
        self._count -= len(events)
        self._left_out += len(events) - len(chosen)
        newest = chosen[-1].seq if chosen else 0
        self._begun = self._begun or events[0].seq
        if self._backlog is None:
            self._dropped += len(chosen)
            self._missing = newest or self._missing
            return
        before = self._forgotten or _Forgotten(events[0].seq, 0, 0, 0)
        self._forgotten = _Forgotten(
            before.first, events[-1].seq, before.chosen + len(chosen), newest or before.newest
        )

    def _from_journal(self, max_events: int, max_bytes: int, now: float) -> Batch | None:
        """A batch of what was forgotten; ``None`` when nothing was."""
        forgotten = self._forgotten
        if forgotten is None or self._backlog is None:
            return None
        page = self._backlog.page(forgotten.first - 1, forgotten.last, max_events, max_bytes)
        if page.lost and self._coalescer.held:
            return self._flushed()  # text from before the gap; the page is read again
        chosen = self._selection.chosen(page.events)
        size = size_of(chosen)
        lost = self._pass_over(page, len(chosen), size)
        if lost:
            self._previous = lost
        return self._batch_of(chosen, 0, size, page.reached, forgotten.first, now)

    def _pass_over(self, page: Page, chosen: int, size: int) -> int:
        """Note how far the journal was read; returns what was lost before the page, 0 for nothing."""
        with self._lock:
            forgotten = self._forgotten or _NOTHING
            left = forgotten.chosen - chosen
            ended = page.reached >= forgotten.last
            if ended:
                self._dropped += left
                self._forgotten = None
            else:
                self._forgotten = _Forgotten(
                    page.reached + 1, forgotten.last, left, forgotten.newest
                )
            self._count += chosen
            self._refilled += chosen
            self._size += size
            self._forget()
        if ended and not left:
            return 0
        return forgotten.newest if ended and not page.events else page.lost

    def _from_memory(self, max_events: int, max_bytes: int, now: float) -> Batch | None:
        with self._lock:
            if not self._waiting or self._forgotten is not None:
                return None
            if self._missing and self._coalescer.held:
                return self._flushed()  # text from before the gap
            events, size = self._waiting.remove(max_events, max_bytes)
            if self._missing:
                self._previous, self._missing = self._missing, 0
        chosen = self._selection.chosen(events)
        left_out = len(events) - len(chosen)
        return self._batch_of(chosen, left_out, size, events[-1].seq, events[0].seq, now)

    def _text(self, now: float) -> Batch | None:
        return self._flushed() if self._coalescer.wait(now) == 0.0 else None

    def _flushed(self) -> Batch:
        return self._batch_of((), 0, 0, self._last, self._last + 1, math.inf)

    def _batch_of(
        self, chosen: Sequence[Event], left_out: int, size: int, last: int, first: int, now: float
    ) -> Batch:
        """What goes out when these come in; ``first`` and ``last`` include what was left out."""
        text = self._coalescer
        held, held_size = text.held, text.size
        events = text.add(chosen, now)
        previous = (self._begun or first) - 1 if self._previous is None else self._previous
        self._previous = events[-1].seq if events else previous
        self._last = last
        return Batch(
            events,
            previous,
            text.first - 1 if text.held else last,
            len(chosen) + held - text.held,
            left_out,
            size + held_size - text.size + OVERHEAD * (held - text.held),
        )


class _Forgotten(msgspec.Struct, frozen=True):
    """Events that memory has let go of; ``newest`` is the newest of the ``chosen`` ones."""

    first: int
    last: int
    chosen: int
    newest: int


_NOTHING = _Forgotten(0, 0, 0, 0)

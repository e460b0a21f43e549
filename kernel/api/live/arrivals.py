"""Events on their way from the journal's thread to the loop: bounded, and one wake-up for many."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from retinue.bus.envelope import Event

__all__ = ["Arrivals"]

MAX_EVENTS = 16_384
MAX_BYTES = 16 << 20


class Arrivals:
    """A queue with one end on each thread. What does not fit is left to the journal."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """``wake`` is called on the journal's thread when there is more, and nobody knows yet."""
        self._wake = wake
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._known = False
        self._torn = False

    def take(self, events: Sequence[Event]) -> None:
        """Leave a commit's events; on the journal's thread. None of them: something else happened."""
        with self._lock:
            size = sum([len(event.envelope.body) for event in events])
            if len(self._events) < MAX_EVENTS and self._bytes < MAX_BYTES:
                self._events.extend(events)
                self._bytes += size
            else:
                self._torn = True
            wake, self._known = not self._known, True
        if wake:
            self._wake()

    def some(self, max_events: int, max_bytes: int) -> list[Event]:
        """The oldest ones, at most so many, and about so many bytes."""
        taken: list[Event] = []
        size = 0
        with self._lock:
            while self._events and len(taken) < max_events and size < max_bytes:
                taken.append(self._events.popleft())
                size += len(taken[-1].envelope.body)
            self._bytes -= size
        return taken

    def __bool__(self) -> bool:
        return bool(self._events)

    def rest(self) -> bool:
        """Have the next one wake somebody; ``False`` when it is here already."""
        with self._lock:
            self._known = bool(self._events)
            return not self._known

    def mend(self) -> bool:
        """Whether some did not fit since this was asked last."""
        with self._lock:
            torn, self._torn = self._torn, False
            return torn

    def clear(self) -> None:
        """Let go of all; who was woken comes nevertheless."""
        with self._lock:
            self._events.clear()
            self._bytes = 0
            self._torn = False

"""The newest events, for clients that are nearly there. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from retinue.bus.envelope import Event

__all__ = ["Recent"]


class Recent:
    """Without a gap, at most ``max_events`` and about ``max_bytes`` of bodies."""

    def __init__(self, max_events: int = 2048, max_bytes: int = 1 << 20) -> None:
        """Nothing yet."""
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._last = 0

    def clear(self, last: int) -> None:
        """Begin anew after ``last``."""
        self._events.clear()
        self._bytes = 0
        self._last = last

    def add(self, events: Sequence[Event]) -> None:
        """Take the next ones in."""
        self._events.extend(events)
        self._bytes += sum([len(event.envelope.body) for event in events])
        self._last = events[-1].seq
        while len(self._events) > self._max_events or self._bytes > self._max_bytes:
            self._bytes -= len(self._events.popleft().envelope.body)

    def after(self, seq: int) -> list[Event] | None:
        """All after ``seq``, or ``None`` when the first of them is gone."""
        if seq >= self._last:
            return []
        wanted = self._last - seq
        if wanted > len(self._events):
            return None
        return [self._events[place] for place in range(-wanted, 0)]

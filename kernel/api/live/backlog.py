"""What waits to be sent to one client: bounded, the oldest goes first, and it is told. Pure."""

from __future__ import annotations

from collections import deque
from typing import Literal, NamedTuple

__all__ = ["Backlog", "Chunk", "Missed"]


class Chunk(NamedTuple):
    """Bytes for a client, shared by all who get the same.

    ``kind`` ``events``: that many of them, with the ``seq`` from ``first`` to ``last``. ``state``: what a
    newer one replaces. ``note``: a heartbeat. Whoever has it has all that it wants up to ``last``.
    """

    kind: Literal["events", "state", "note"]
    first: int
    last: int
    events: int
    data: bytes


class Missed(NamedTuple):
    """Events that were dropped: ``events`` of them, with the ``seq`` from ``first`` to ``last``."""

    first: int
    last: int
    events: int


class Backlog:
    """At most ``max_events`` and ``max_bytes``, or a single chunk. Nothing here ever waits."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        """Bounds are for one client."""
        self._max_events = max_events
        self.max_bytes = max_bytes
        """The bound, which may be moved."""
        self._chunks: deque[Chunk] = deque()
        self._missed: Missed | None = None
        self.events = 0
        """How many wait."""
        self.bytes = 0
        self.dropped = 0
        """How many were dropped since the client came."""

    def __bool__(self) -> bool:
        return bool(self._chunks) or self._missed is not None

    def put(self, chunk: Chunk) -> bool:
        """Take a chunk; ``False`` when others had to go for it."""
        if chunk.kind == "state":
            self._replace_state()
        self._chunks.append(chunk)
        self.events += chunk.events
        self.bytes += len(chunk.data)
        fits = True
        while self._is_over() and len(self._chunks) > 1:
            fits = self._drop() and fits
        return fits

    def take(self, limit: int) -> tuple[Missed | None, list[Chunk]]:
        """What was dropped before, and the oldest chunks: one at least, and about ``limit`` bytes."""
        missed, self._missed = self._missed, None
        taken: list[Chunk] = []
        while self._chunks and limit > 0:
            chunk = self._chunks.popleft()
            self._forget(chunk)
            limit -= len(chunk.data)
            taken.append(chunk)
        return missed, taken

    def clear(self) -> None:
        """Let go of all, as if nothing had come."""
        self._chunks.clear()
        self._missed = None
        self.events = self.bytes = 0

    def _is_over(self) -> bool:
        return self.events > self._max_events or self.bytes > self.max_bytes

    def _drop(self) -> bool:
        chunk = self._chunks.popleft()
        self._forget(chunk)
        if chunk.kind != "events":
            return True
        self.dropped += chunk.events
        was = self._missed or Missed(chunk.first, chunk.last, 0)
        self._missed = Missed(was.first, chunk.last, was.events + chunk.events)
        return False

    def _replace_state(self) -> None:
        for chunk in self._chunks:
            if chunk.kind == "state":
                self._chunks.remove(chunk)
                self._forget(chunk)
                return

    def _forget(self, chunk: Chunk) -> None:
        self.events -= chunk.events
        self.bytes -= len(chunk.data)

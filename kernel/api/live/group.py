"""Clients that want the same in the same form: what they get is made once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .backlog import Chunk
from .shared import Shared
from .views import View
from .wanted import Wanted

__all__ = ["Group", "Member", "chunks_of"]

CHUNK_BYTES = 16 * 1024
CHUNK_EVENTS = 64


class Member(Protocol):
    """Who gets a group's chunks."""

    def offer(self, chunks: list[Chunk]) -> None:
        """Take them, without waiting."""


class Group:
    """The members hold the same chunks, so that a thousand slow ones cost the memory of one."""

    def __init__(self, wanted: Wanted, view: View, position: int) -> None:
        """For clients that have read all up to ``position``."""
        self.wanted = wanted
        self.view = view
        self.members: set[Member] = set()
        self._previous = position

    def hand_on(self, batch: Sequence[Shared]) -> None:
        """Put into each member's backlog what it wants of the batch."""
        chunks, self._previous = chunks_of(batch, self.wanted, self.view, self._previous)
        if chunks:
            for member in tuple(self.members):
                member.offer(chunks)


def chunks_of(
    batch: Sequence[Shared], wanted: Wanted, view: View, previous: int
) -> tuple[list[Chunk], int]:
    """The events as chunks, and the ``seq`` of the last one that is in them."""
    chunks: list[Chunk] = []
    frames: list[bytes] = []
    size = first = 0
    for shared in batch:
        if not wanted.concerns(shared.envelope):
            continue
        frame = view.frame(shared, wanted, previous)
        if not frame:
            continue
        first = first or shared.seq
        previous = shared.seq
        frames.append(frame)
        size += len(frame)
        if size >= CHUNK_BYTES or len(frames) >= CHUNK_EVENTS:
            chunks.append(Chunk("events", first, previous, len(frames), b"".join(frames)))
            frames, size, first = [], 0, 0
    if frames:
        chunks.append(Chunk("events", first, previous, len(frames), b"".join(frames)))
    return chunks, previous

"""Groups of events in the order in which they came. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from operator import attrgetter

from ..envelope import Event

__all__ = ["OVERHEAD", "Waiting", "size_of"]

OVERHEAD = 256
"""Bytes that an event takes besides its body, about."""

_body = attrgetter("envelope.body")


def size_of(events: Sequence[Event]) -> int:
    """The bytes that they take: bodies and an allowance for each."""
    return sum(map(len, map(_body, events))) + OVERHEAD * len(events)


class Waiting:
    """A queue that takes events in by the group and gives out as many as are wanted."""

    def __init__(self) -> None:
        self._groups: deque[tuple[Sequence[Event], int]] = deque()

    def __bool__(self) -> bool:
        return bool(self._groups)

    def add(self, events: Sequence[Event], size: int) -> None:
        """Take in a group and its size."""
        self._groups.append((events, size))

    def remove(self, count: int, size: int) -> tuple[list[Event], int]:
        """Take out the oldest until there are ``count``, or they hold ``size`` bytes or more."""
        removed: list[Event] = []
        removed_size = 0
        while self._groups and len(removed) < count and removed_size < size:
            group, group_size = self._groups.popleft()
            if len(group) <= count - len(removed) and removed_size + group_size <= size:
                removed += group
                removed_size += group_size
                continue
            cut, cut_size = _cut(group, count - len(removed), size - removed_size)
            removed += group[:cut]
            removed_size += cut_size
            if cut < len(group):
                self._groups.appendleft((group[cut:], group_size - cut_size))
        return removed, removed_size


def _cut(group: Sequence[Event], count: int, size: int) -> tuple[int, int]:
    cut = cut_size = 0
    for event in group:
        if cut == count or cut_size >= size:
            break
        cut += 1
        cut_size += len(event.envelope.body) + OVERHEAD
    return cut, cut_size

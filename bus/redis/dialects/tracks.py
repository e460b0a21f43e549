"""What a projection remembers of open tasks and calls, in bounded memory. Pure."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

__all__ = ["CallTrack", "Latest", "TaskTrack"]

T = TypeVar("T")


class TaskTrack(msgspec.Struct):
    """An open task: its state as told last, and where it stands among others.

    ``None`` is what nobody told. ``started`` is when the attempt began that is under way, in
    seconds since the epoch; ``None`` between attempts.
    """

    state: str | None = None
    layer: int | None = None
    parents: list[str] | None = None
    attempt: int | None = None
    started: float | None = None


class CallTrack(msgspec.Struct):
    """A call under way: the digest of what was asked, and the query of a search."""

    digest: str | None = None
    query: Any = None


class Latest(Generic[T]):
    """Things by name, the newest ``keep`` of them: what is over that is forgotten, oldest first."""

    def __init__(self, keep: int) -> None:
        """Nothing yet."""
        self._keep = keep
        self._things: dict[str, T] = {}

    def __len__(self) -> int:
        return len(self._things)

    def get(self, name: str) -> T | None:
        """The thing, unless it was never kept, taken out or forgotten."""
        return self._things.get(name)

    def put(self, name: str, thing: T) -> None:
        """Keep it."""
        self._things[name] = thing
        if len(self._things) > self._keep:
            del self._things[next(iter(self._things))]

    def take(self, name: str) -> T | None:
        """The thing, which is kept no longer."""
        return self._things.pop(name, None)

    def clear(self) -> None:
        """Forget everything."""
        self._things.clear()

"""What the mirror asks of a publisher, and how a program's own takes the place of Redis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..envelope import Event
from ..errors import Unavailable
from ..messages import BusReaderPassed

__all__ = ["Adapted", "Behind", "Mirrors", "Publishes"]


class Behind(Unavailable):
    """The stream lacks events that were mirrored: ``fill`` it, then publish again."""


class Publishes(Protocol):
    """What a program's own publisher has to do."""

    def publish(self, events: Sequence[Event], previous: int | None = None) -> int:
        """Publish in order, or raise ``Unavailable``; the same events may come again.

        ``previous`` is the ``seq`` mirrored before the first of them, when it is not the one
        just below.
        """

    def ping(self) -> None:
        """Raise ``Unavailable`` unless events would be taken now."""

    def close(self) -> None:
        """Give back what it holds."""


class Mirrors(Protocol):
    """What the mirror needs of a publisher; see ``Publisher``. Each raises ``Unavailable``."""

    def publish(self, events: Sequence[Event], previous: int | None = None, floor: int = 0) -> int:
        """Publish in order; the same events may come again."""

    def fill(self, events: Sequence[Event], previous: int, floor: int = 0) -> int:
        """Add to the stream only."""

    def standing(self, next_seq: int) -> int:
        """The newest ``seq`` of the stream."""

    def beat(self, seq: int, last: int = 0) -> None:
        """Tell that the kernel is there."""

    def trim(self, report: Callable[[BusReaderPassed], None]) -> None:
        """Keep the stream within its bounds."""

    def ping(self) -> None:
        """Ask whether the server answers."""

    def close(self, seq: int = 0) -> None:
        """Give back the connection."""


class Adapted:
    """Speaks to it as to a ``Publisher``; it keeps no stream, and so never lacks anything."""

    def __init__(self, publisher: Publishes) -> None:
        """Used by one thread at a time."""
        self._publisher = publisher

    def __repr__(self) -> str:
        return repr(self._publisher)

    def publish(self, events: Sequence[Event], previous: int | None = None, floor: int = 0) -> int:
        """Hand the events on."""
        return self._publisher.publish(events, previous)

    def fill(self, events: Sequence[Event], previous: int, floor: int = 0) -> int:
        """Nothing is to be filled."""
        return 0

    def standing(self, next_seq: int) -> int:
        """It has all that there was."""
        return next_seq - 1

    def beat(self, seq: int, last: int = 0) -> None:
        """Ask whether it is there."""
        self._publisher.ping()

    def trim(self, report: Callable[[BusReaderPassed], None]) -> None:
        """Nothing is kept."""

    def ping(self) -> None:
        """Ask whether it is there."""
        self._publisher.ping()

    def close(self, seq: int = 0) -> None:
        """Close it."""
        self._publisher.close()

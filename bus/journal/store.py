"""The port: what the kernel asks of a place that keeps events."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Protocol

import msgspec

from ..envelope import Envelope, Event

__all__ = ["Commit", "EventStore", "Filter", "identity_of", "new_identity"]

Commit = Callable[[Sequence[Event]], None]


class Filter(msgspec.Struct, frozen=True):
    """Which events to read: empty names match all; ``types`` are globs such as ``tool.*``."""

    run: str = ""
    task: str = ""
    agent: str = ""
    types: tuple[str, ...] = ()

    def matches(self, envelope: Envelope) -> bool:
        """Tell whether the envelope passes every rule that is set."""
        return (
            (not self.run or envelope.run == self.run)
            and (not self.task or envelope.task == self.task)
            and (not self.agent or envelope.agent == self.agent)
            and (not self.types or any(fnmatchcase(envelope.type, t) for t in self.types))
        )


def new_identity() -> str:
    """For a store that is made now."""
    return secrets.token_hex(8)


def identity_of(store: EventStore) -> str:
    """What the store is known by; empty where it has nothing of the kind."""
    return str(getattr(store, "identity", ""))


class EventStore(Protocol):
    """An append-only sequence of events. One thread appends; any thread reads.

    Appending assigns ``seq`` from ``last + 1`` upwards without a gap. Once ``append``
    returned, the events are as durable as the store promises to make them.

    A store may have an ``identity: str``, chosen when it was made and kept for as long as its numbers
    go on. By that observers know a kernel that was started again from a journal that counts anew.
    """

    @property
    def first(self) -> int:
        """The oldest ``seq`` still kept; ``last + 1`` when nothing is kept."""

    @property
    def last(self) -> int:
        """The newest ``seq``; 0 before the first event."""

    def append(self, envelopes: Sequence[Envelope]) -> Sequence[Event]:
        """Commit all of the envelopes, or none; returns them with their ``seq``.

        Raises ``KernelClosed`` after ``close``. No reader sees a group in part.
        """

    def read(
        self, after: int = 0, only: Filter | None = None, limit: int | None = None
    ) -> Iterator[Event]:
        """Committed events with ``seq > after`` in order, as they are at the time of the call.

        An ``after`` below ``first - 1`` is no error: compare with ``first`` to find the gap.
        """

    def close(self) -> None:
        """Release what the store holds; appending afterwards raises ``KernelClosed``."""

"""How events look to a client: JSON lines and server-sent events. Pure."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ..problems import Problem
from .shared import Shared
from .wanted import Wanted

__all__ = ["Gap", "Lines", "ServerSent", "View"]


class Gap(msgspec.Struct, frozen=True):
    """Events that a client does not get, from ``first`` to ``last``, and where it finds them.

    ``dropped`` is how many it wanted of them, where that is known. ``reason`` is ``slow`` (it read
    too slowly), ``trimmed`` (the journal has them no more), ``large`` (one that fits no frame) or
    ``anew`` (the client's cursor is of another journal, and this one has let go of these, or none).
    """

    first: int
    last: int
    reason: str
    dropped: int | None
    how_to_fill: str
    type: str = "gap"


class View(Protocol):
    """One form of the events. Hashable: clients of equal views and wants share what is made."""

    @property
    def dialect(self) -> str:
        """The dialect whose messages it shows, or an empty string."""

    @property
    def beat(self) -> float:
        """Seconds of silence until a heartbeat; 0 for none."""

    def opening(self) -> bytes:
        """What comes before all else."""

    def frame(self, shared: Shared, wanted: Wanted, previous: int) -> bytes:
        """An event that ``wanted`` concerns, or nothing."""

    def gap(self, gap: Gap) -> bytes:
        """That something is missing."""

    def problem(self, problem: Problem) -> bytes:
        """Why this is the end."""

    def heartbeat(self, position: int) -> bytes:
        """That all is well, and that nothing was kept back up to ``position``."""


class Lines(msgspec.Struct, frozen=True):
    """A line of JSON an event; an empty one is a heartbeat.

    A gap shows in the next event's ``previous``, which is then larger than what was read before.
    """

    beat: float = 1.0
    dialect: str = ""

    def opening(self) -> bytes:
        """Nothing."""
        return b""

    def frame(self, shared: Shared, wanted: Wanted, previous: int) -> bytes:
        """A line."""
        if not wanted.has_type(shared.envelope.type):
            return b""
        return shared.wire(previous, whole=True) + b"\n"

    def gap(self, gap: Gap) -> bytes:
        """Nothing: see ``Lines``."""
        return b""

    def problem(self, problem: Problem) -> bytes:
        """An object with the one key ``problem``."""
        return msgspec.json.encode({"problem": problem}) + b"\n"

    def heartbeat(self, position: int) -> bytes:
        """An empty line."""
        return b"\n"


class ServerSent(msgspec.Struct, frozen=True):
    """Server-sent events as in the HTML standard: ``id`` is the ``seq``, ``event`` the type.

    Without ``named`` there is no ``event``, so that a browser's ``onmessage`` gets them all. Large
    bodies go by reference, as they do on Redis.
    """

    named: bool = True
    beat: float = 5.0
    dialect: str = ""

    def opening(self) -> bytes:
        """How soon a browser comes back."""
        return b"retry: 1000\n\n"

    def frame(self, shared: Shared, wanted: Wanted, previous: int) -> bytes:
        """An event."""
        kind = shared.envelope.type
        if not wanted.has_type(kind):
            return b""
        data = shared.wire(previous)
        if not self.named:
            return b"id: %d\ndata: %b\n\n" % (shared.seq, data)
        return b"id: %d\nevent: %b\ndata: %b\n\n" % (shared.seq, kind.encode(), data)

    def gap(self, gap: Gap) -> bytes:
        """An event ``gap``, without an ``id``: who comes back before the next event gets more."""
        return b"event: gap\ndata: %b\n\n" % msgspec.json.encode(gap)

    def problem(self, problem: Problem) -> bytes:
        """An event ``problem``."""
        return b"event: problem\ndata: %b\n\n" % msgspec.json.encode(problem)

    def heartbeat(self, position: int) -> bytes:
        """A comment. The ``id`` alone moves a browser's cursor on, and is no event."""
        return b": heartbeat\nid: %d\n\n" % position

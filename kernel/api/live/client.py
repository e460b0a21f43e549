"""What the hub knows of a client."""

from __future__ import annotations

from typing import Protocol

from .backlog import Chunk
from .group import Group
from .views import View
from .wanted import Wanted

__all__ = ["Client", "Viewer"]


class Viewer(Protocol):
    """Who is shown how a run is."""

    def show(self, chunk: Chunk) -> None:
        """Take a state, in place of the one before."""

    def fail(self, error: Exception) -> None:
        """Say what keeps it from going on, and end."""


class Client(Viewer, Protocol):
    """Who follows the events. Nothing here waits; all is called on the loop's thread."""

    wanted: Wanted
    view: View
    group: Group | None
    """With whom it follows live; ``None`` while it reads the journal."""

    def offer(self, chunks: list[Chunk]) -> None:
        """Take what comes live."""

    def fall_back(self) -> None:
        """Go on from the journal, at what was given out last."""

    def wake(self) -> None:
        """There may be more, or the end."""

    def finish(self) -> None:
        """No more is to be given out."""

    def beat(self, now: float) -> None:
        """Send a heartbeat if it is time for one."""

    def stalled(self, now: float, after: float) -> bool:
        """Whether what it was given has not been read for so long."""

    def cut(self) -> None:
        """Hang up."""

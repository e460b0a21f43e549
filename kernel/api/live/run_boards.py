"""The boards of the runs that somebody watches, and when they are shown again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from anyio import CapacityLimiter, to_thread

from retinue.bus.envelope import Event
from retinue.bus.journal import EventStore, Filter

from .backlog import Chunk
from .boards import Board
from .client import Viewer
from .frames import text_frame

__all__ = ["RunBoards"]

EVERY = 0.25
"""Seconds between two looks at a run that changes."""


class RunBoards:
    """One board a run, whoever watches it. Belongs to the loop's thread."""

    def __init__(self, store: EventStore) -> None:
        """``store`` tells what a run was before somebody watched it."""
        self._store = store
        self._shows: dict[str, _Show] = {}

    def watch(self, run: str, client: Viewer, lane: CapacityLimiter) -> None:
        """Show the client how the run is: once it is known, and then whenever it changes."""
        show = self._shows.get(run)
        if show is None:
            show = self._shows[run] = _Show(run)
            show.begin(self._store, lane)
        show.add(client)

    def leave(self, run: str, client: Viewer) -> None:
        """Show it no more."""
        show = self._shows.get(run)
        if show is not None and show.remove(client):
            del self._shows[run]

    def reload(self, lane: CapacityLimiter) -> None:
        """Read them all anew: events were passed over."""
        for show in self._shows.values():
            show.begin(self._store, lane)

    def hand_on(self, events: Sequence[Event]) -> None:
        """Take the next events in."""
        if self._shows:
            for event in events:
                show = self._shows.get(event.envelope.run)
                if show is not None:
                    show.take(event)


class _Show:
    def __init__(self, run: str) -> None:
        self._board = Board(run)
        self._run = run
        self._members: set[Viewer] = set()
        self._meanwhile: list[Event] | None = []
        self._timer: asyncio.TimerHandle | None = None
        self._loading: asyncio.Task[None] | None = None

    def begin(self, store: EventStore, lane: CapacityLimiter) -> None:
        """Read what was before, now or anew."""
        self._stop()
        self._meanwhile = []
        self._loading = asyncio.create_task(self._load(store, lane))

    async def _load(self, store: EventStore, lane: CapacityLimiter) -> None:
        """What came while that was read follows."""
        try:
            self._board = await to_thread.run_sync(_read, store, self._run, limiter=lane)
        except Exception as error:  # noqa: BLE001  the clients get it
            for member in self._members:
                member.fail(error)
            return
        for event in self._meanwhile or ():
            self._board.take(event)
        self._meanwhile = None
        self._show()

    def take(self, event: Event) -> None:
        if self._meanwhile is not None:
            if event.type.startswith(("run.", "task.")):
                self._meanwhile.append(event)
        elif self._board.take(event) and self._timer is None:
            self._show()

    def add(self, client: Viewer) -> None:
        self._members.add(client)
        if self._meanwhile is None:
            client.show(self._chunk())

    def remove(self, client: Viewer) -> bool:
        """Whether nobody is left."""
        self._members.discard(client)
        if self._members:
            return False
        self._stop()
        return True

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._loading is not None:
            self._loading.cancel()

    def _show(self, seen: int = -1) -> None:
        """Now, and again in a while if there was a change since."""
        self._timer = None
        if self._board.seq == seen:
            return
        chunk = self._chunk()
        for member in self._members:
            member.show(chunk)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(EVERY, self._show, self._board.seq)

    def _chunk(self) -> Chunk:
        return Chunk("state", 0, 0, 0, text_frame(self._board.shown()))


def _read(store: EventStore, run: str) -> Board:
    board = Board(run)
    for event in store.read(0, Filter(run=run, types=Board.TYPES)):
        board.take(event)
    return board

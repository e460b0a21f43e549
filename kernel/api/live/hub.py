"""One reading of the journal for all clients that follow it live. Lives on the server's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from anyio import CapacityLimiter

from retinue.actors.feed import Feed
from retinue.bus.envelope import Event
from retinue.bus.errors import KernelClosed

from .arrivals import Arrivals
from .client import Client, Viewer
from .group import Group
from .places import Places
from .recent import Recent
from .run_boards import RunBoards
from .shared import Encoders, Shared
from .speakers import Speaker, Speakers
from .turns import Turns
from .views import View
from .wanted import Wanted

__all__ = ["Hub"]

STALLED_AFTER = 60.0
"""Seconds that a client may take to read what was written; then its connection is cut."""

_SLICE = (128, 32 * 1024)  # events and bytes between two turns of the clients
_BACKLOGS = 8 << 20  # bytes of all backlogs together, were each of other events
_BACKLOG = (32 * 1024, 512 * 1024)  # what one of them may hold then, at least and at most
_LINGER_EACH = 0.000_25  # seconds of waiting for more events, for each client: 200 make 50 ms
_LINGER = (0.002, 0.05)
_TICK = 1.0
_PARTING = 0.5  # seconds that clients have to take what is written when the server stops
_READERS = 4  # threads that read the journal for those who are behind


class Hub:
    """Hands each committed event, once encoded, to every client that wants it.

    The journal's thread only leaves the events here. A client that reads too slowly loses its own
    oldest events, or goes back to the journal for them; nobody waits for it. Everything but
    ``close`` belongs to the loop's thread.
    """

    def __init__(self, name: str, feed: Feed, stalled_after: float = STALLED_AFTER) -> None:
        """Of the kernel ``name``; may be made before the loop runs. Reads nothing without clients."""
        self.feed = feed
        self.name = name
        self.places = Places()
        self.stalled_after = stalled_after
        self.clients: set[Client] = set()
        self.turns = Turns()
        self.speakers = Speakers()
        self.position = 0
        """Every event up to this ``seq`` was handed on."""
        self.cut = 0
        """Connections that were cut because nothing was read from them."""
        self._groups: dict[tuple[Wanted, View], Group] = {}
        self._recent = Recent()
        self._boards = RunBoards(feed.store)
        self._waiting: set[Client] = set()
        self._arrivals = Arrivals(self._wake)
        self._encoders = Encoders(name)
        self._leave: Callable[[], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lane: CapacityLimiter | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._stopped = False

    @property
    def ended(self) -> bool:
        """Whether no more events will come."""
        return self._stopped or (self.feed.closed and self.position >= self.feed.store.last)

    @property
    def share(self) -> int:
        """Bytes that the backlog of each client may hold now."""
        least, most = _BACKLOG
        return max(least, min(most, _BACKLOGS // max(1, len(self.clients))))

    # ------------------------------------------------------------------ clients

    def add(self, client: Client, *, guest: bool) -> None:
        """Let a client in; raises ``MailboxFull`` for one too many, or too many at once."""
        if self._stopped:
            raise KernelClosed("the daemon is stopping: ask it again once it runs")
        now = asyncio.get_running_loop().time()
        self.places.check(len(self.clients), now, guest=guest)
        self.clients.add(client)
        if self._leave is None:
            self._begin()

    def remove(self, client: Client) -> None:
        """A client is gone."""
        self.clients.discard(client)
        self._waiting.discard(client)
        if not self.clients and self._leave is not None:
            self._end()

    def join(self, client: Client, speaker: Speaker | None = None) -> Group:
        """Hand a client, which has read up to ``position``, what comes from now on.

        ``speaker`` has heard all up to there, and is the client's no longer.
        """
        key = client.wanted, client.view
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(*key, self.position)
            self.speakers.add(client.view.dialect, speaker)
        group.members.add(client)
        return group

    def part(self, client: Client, group: Group) -> None:
        """Hand it nothing more."""
        group.members.discard(client)
        if not group.members and self._groups.get((group.wanted, group.view)) is group:
            del self._groups[group.wanted, group.view]
            self.speakers.remove(group.view.dialect)

    def wait(self, client: Client) -> None:
        """Wake the client when ``position`` moves next."""
        self._waiting.add(client)

    def recent(self, after: int) -> list[Event] | None:
        """The events after ``after`` up to ``position``, if they are still at hand."""
        return self._recent.after(after)

    def show_run(self, run: str, client: Viewer) -> None:
        """Show the client how the run is, once it is known, and whenever it changes."""
        self._boards.watch(run, client, self.lane)

    def hide_run(self, run: str, client: Viewer) -> None:
        """Show it no more."""
        self._boards.leave(run, client)

    def close(self) -> None:
        """End every client, and let no other begin. From any thread."""
        self._stopped = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and all clients with it
                self._loop.call_soon_threadsafe(self._close_all)

    @property
    def lane(self) -> CapacityLimiter:
        """What bounds the threads that read the journal."""
        if self._lane is None:
            self._lane = CapacityLimiter(_READERS)
        return self._lane

    # ------------------------------------------------------------------ events

    def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._leave = self.feed.listen(self._arrivals.take)
        self.position = self.feed.store.last  # asked after the call above: nothing is between
        self._recent.clear(self.position)
        self._ticking = self._loop.call_later(_TICK, self._tick)

    def _end(self) -> None:
        if self._leave is not None:
            self._leave()
            self._leave = None
        if self._ticking is not None:
            self._ticking.cancel()
        self._arrivals.clear()
        self.turns.clear()

    def _wake(self) -> None:
        """On the journal's thread, once for all that comes until ``_drain``."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        if self._loop is None or self._leave is None:
            self._arrivals.clear()
            self._arrivals.rest()
            return
        events = self._arrivals.some(*_SLICE)
        if events:
            self._hand_on(events)
        elif self._arrivals.mend():
            self._skip_to(self.feed.store.last)
        elif self._arrivals.rest():
            if self.ended:
                self._wake_all()
            return
        self._loop.call_later(0 if self._arrivals else self._linger(), self._drain)

    def _linger(self) -> float:
        """The first event after silence goes out at once; those that follow, in groups."""
        shortest, longest = _LINGER
        return min(longest, max(shortest, len(self.clients) * _LINGER_EACH))

    def _hand_on(self, events: list[Event]) -> None:
        fresh = [event for event in events if event.seq > self.position]
        if not fresh:
            return
        if fresh[0].seq != self.position + 1:  # some did not fit
            self._skip_to(fresh[0].seq - 1)
        try:
            self._share_out(fresh)
        except Exception:  # noqa: BLE001  who meets it again while it reads the journal is told
            self._skip_to(fresh[-1].seq)
            return
        self._move_to(fresh[-1].seq)

    def _share_out(self, fresh: list[Event]) -> None:
        batch = [Shared(event, self._encoders, self.speakers.say(event)) for event in fresh]
        for group in list(self._groups.values()):
            group.hand_on(batch)
        self._boards.hand_on(fresh)
        self._recent.add(fresh)

    def _skip_to(self, position: int) -> None:
        """Have everyone read the journal up to there: it has what was not handed on."""
        for client in [client for client in self.clients if client.group is not None]:
            client.fall_back()
        self._boards.reload(self.lane)
        self._recent.clear(position)
        self._move_to(position)

    def _move_to(self, position: int) -> None:
        self.position = position
        waiting, self._waiting = self._waiting, set()
        for client in waiting:
            client.wake()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for client in list(self.clients):
            if client.stalled(now, self.stalled_after):
                self.cut += 1
                client.cut()
            else:
                client.beat(now)
        self._ticking = loop.call_later(_TICK, self._tick)

    def _wake_all(self) -> None:
        for client in list(self.clients):
            client.wake()

    def _close_all(self) -> None:
        for client in self.clients:
            client.finish()
        if self._loop is not None:
            self._loop.call_later(_PARTING, self._cut_all)

    def _cut_all(self) -> None:
        """Who does not read would hold up the server's end."""
        for client in list(self.clients):
            client.cut()

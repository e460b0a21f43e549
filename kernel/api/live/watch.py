"""One client's way through the events: what it missed, then what comes, in bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from anyio import to_thread

from ..problems import problem_of
from .backlog import Backlog, Chunk
from .bucket import Bucket
from .group import Group
from .hub import Hub
from .past import Past, Read
from .views import Gap, View
from .wanted import Wanted

__all__ = ["Terms", "Watch"]

MAX_EVENTS = 1024
"""Events that wait for one client at most."""
_PIECE = 32 * 1024
_NEAR = 256  # events that are encoded on the loop, and not on a reader's thread


class Terms(msgspec.Struct, frozen=True):
    """How a client is served. ``waits``: it falls behind and misses nothing, instead of a gap.

    ``end`` is the last ``seq`` that it wants, ``rate`` the events a second that it takes at most,
    ``guest`` says that it came over TCP.
    """

    waits: bool = False
    end: int | None = None
    rate: float | None = None
    guest: bool = False
    max_events: int = MAX_EVENTS


class Watch:
    """Asked for one piece of bytes after the other with ``next``. Belongs to the loop's thread."""

    def __init__(self, hub: Hub, wanted: Wanted, view: View, after: int, terms: Terms) -> None:
        """Begins behind ``after``; raises ``MailboxFull``. ``close`` it."""
        self.wanted = wanted
        self.view = view
        self.cursor = after
        """All that is wanted up to this ``seq`` was given out by ``next``."""
        self.group: Group | None = None
        self.backlog = Backlog(terms.max_events, hub.share)
        self.abort: Callable[[], None] | None = None
        """Cuts the connection, whatever still waits to be sent."""
        self._hub = hub
        self._terms = terms
        self._past = Past(hub.feed.store, hub.name, wanted, view)
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._bucket = _bucket(terms.rate, self._loop.time())
        self._writing_since: float | None = None
        self._last = self._loop.time()
        self._opening = view.opening()
        self._reading: asyncio.Task[Read] | None = None
        self._closed = False
        self._problem = b""
        hub.add(self, guest=terms.guest)

    # ------------------------------------------------------------------ what its client gets

    async def next(self) -> bytes | None:
        """The next bytes, as soon as there are any; ``None`` when no more will come."""
        self._writing_since = None
        data, self._opening = self._opening, b""
        while not data:
            if self._problem or self._closed or self._is_done():
                data, self._problem = self._problem, b""
                self._closed = True
                return data or None
            try:
                data = await self._more()
            except Exception as error:  # noqa: BLE001  the client gets it
                self.fail(error)
        self._last = self._writing_since = self._loop.time()
        return data

    def close(self) -> None:
        """Let go of everything. Safe to repeat."""
        self.finish()
        self._part()
        self._hub.remove(self)
        self.backlog.clear()
        if self._reading is not None:
            self._reading.cancel()

    # ------------------------------------------------------------------ what the hub does with it

    def offer(self, chunks: list[Chunk]) -> None:
        """Take what comes live; who waits goes back to the journal before anything is dropped."""
        self.backlog.max_bytes = self._hub.share
        for chunk in chunks:
            if not self.backlog.put(chunk) and self._terms.waits:
                self.fall_back()
                return
        self._hub.turns.take(self._wake)

    def show(self, chunk: Chunk) -> None:
        """Take a state, in place of the one before."""
        self.backlog.put(chunk)
        self._wake.set()

    def fail(self, error: Exception) -> None:
        """Say what keeps it from going on, as the last that it gives out."""
        self._problem = self.view.problem(problem_of(error))
        self._wake.set()

    def tell(self, data: bytes) -> None:
        """Say something that is about no event."""
        self.backlog.put(Chunk("note", 0, 0, 0, data))
        self._wake.set()

    def fall_back(self) -> None:
        """Go on from the journal, at what was given out last."""
        self._part()
        self.backlog.clear()
        self._wake.set()

    def wake(self) -> None:
        """There may be more, or the end."""
        self._wake.set()

    def end_at(self, seq: int) -> None:
        """Give out what there is up to this ``seq``; that is the end."""
        self._terms = msgspec.structs.replace(self._terms, end=seq)
        self.fall_back()

    def finish(self) -> None:
        """No more is to be given out."""
        self._closed = True
        self._wake.set()

    def stalled(self, now: float, after: float) -> bool:
        """Whether what it was given has not been read for so long."""
        return self._writing_since is not None and now - self._writing_since > after

    def cut(self) -> None:
        """Hang up."""
        self.close()
        if self.abort is not None:
            self.abort()

    def beat(self, now: float) -> None:
        """Send a heartbeat if it is time for one, and nothing else waits."""
        idle = self._writing_since is None and not self.backlog
        if self.view.beat and idle and now - self._last >= self.view.beat:
            position = self.cursor if self.group is None else self._hub.position
            data = self.view.heartbeat(position)
            self.backlog.put(Chunk("note", position, position, 0, data))
            self._wake.set()

    # ------------------------------------------------------------------ live

    async def _more(self) -> bytes:
        live = self.group is not None or self.backlog
        return await (self._from_backlog() if live else self._from_journal())

    async def _from_backlog(self) -> bytes:
        if not self.backlog or await self._paused():
            if not self.backlog:
                await self._sleep()
            return b""
        missed, chunks = self.backlog.take(_PIECE)
        self._spend(sum([chunk.events for chunk in chunks]))
        gap = b""
        if missed is not None:
            gap = self._gap(missed.first, missed.last, "slow", missed.events)
        self.cursor = max([self.cursor, *[chunk.last for chunk in chunks]])
        return gap + b"".join([chunk.data for chunk in chunks])

    # ------------------------------------------------------------------ behind

    async def _from_journal(self) -> bytes:
        if self._reading is None:
            if not self._past.primed:
                self._begin(self._past.prime, self.cursor)
            elif self.cursor == self._hub.position and self._terms.end is None:
                self.group = self._hub.join(self, self._past.give_up_speaker())
                return b""
            elif self.cursor >= self._hub.position:
                self._hub.wait(self)
                await self._sleep()
                return b""
            elif await self._paused():
                return b""
        read = self._near() or await self._far()
        if read is None:
            return self.view.heartbeat(self.cursor)
        gap = b""
        if read.lost > self.cursor:
            gap = self._gap(self.cursor + 1, read.lost, "trimmed", None)
        self._spend(read.events)
        self.cursor = max(self.cursor, read.until)
        return gap + read.data

    def _near(self) -> Read | None:
        """What is missing, if that is a few events at hand."""
        if self._reading is not None or self._terms.end is not None:
            return None
        events = self._hub.recent(self.cursor)
        if events is None or len(events) > _NEAR:
            return None
        return self._past.recent(self.cursor, events, self._hub.position)

    async def _far(self) -> Read | None:
        """A page of the journal; ``None`` when it takes longer than a heartbeat may."""
        if self._reading is None:
            self._begin(self._past.next, self.cursor, self._terms.end, self._goes_on)
        reading = self._reading
        if reading is None:
            return None
        await asyncio.wait({reading}, timeout=self.view.beat or None)
        if not reading.done():
            return None
        self._reading = None
        return None if reading.cancelled() else reading.result()

    def _begin(self, read: Callable[..., Read], *arguments: Any) -> None:
        """On a reader's thread."""
        work = to_thread.run_sync(read, *arguments, limiter=self._hub.lane)
        self._reading = asyncio.create_task(work)

    def _goes_on(self) -> bool:
        return not self._closed

    # ------------------------------------------------------------------

    def _part(self) -> None:
        if self.group is not None:
            self._hub.part(self, self.group)
            self.group = None

    def _is_done(self) -> bool:
        end = self._terms.end
        if end is not None and self.cursor >= end:
            return True
        all_given = self.cursor >= self._hub.position or self.group is not None
        return self._hub.ended and not self.backlog and all_given

    def _gap(self, first: int, last: int, reason: str, dropped: int | None) -> bytes:
        fill = f"nobody has them: the journal begins at {last + 1}"
        if reason == "slow":
            wanted = self.wanted
            if self.view.dialect:  # its types are not the kernel's
                wanted = msgspec.structs.replace(wanted, types=())
            fill = wanted.between(first, last)
        return self.view.gap(Gap(first, last, reason, dropped, fill))

    async def _paused(self) -> bool:
        """Whether it had to wait for its rate."""
        pause = self._bucket.wait(self._loop.time()) if self._bucket is not None else 0.0
        if pause:
            await asyncio.sleep(min(pause, 0.5))
        return pause > 0

    def _spend(self, count: int) -> None:
        if self._bucket is not None:
            self._bucket.spend(count, self._loop.time())

    async def _sleep(self) -> None:
        self._wake.clear()
        await self._wake.wait()


def _bucket(rate: float | None, now: float) -> Bucket | None:
    return None if rate is None else Bucket(rate, rate, now)

"""The mirror: an outbox, a publisher, and what to do when Redis is away or has lost events."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Sequence
from operator import attrgetter

from ..clock import Clock, SystemClock
from ..envelope import Event
from ..errors import RetinueError
from ..messages import EventBody
from ..views import BusView
from .adapted import Behind, Mirrors, Publishes
from .filling import Filling
from .health import Health, failed, recovered, retry_delay
from .outbox import Batch, Outbox
from .watermark import Watermark

__all__ = ["PING_INTERVAL", "Mirror", "Mirrors", "Publishes"]

PING_INTERVAL = 0.75
"""Seconds between heartbeats: with the time-out, a stopped server shows in 2 s also in silence."""
_HELD_BACK = frozenset({"tool.called"})
"""Types of events whose effects wait until observers were told."""
_MOST_EVENTS = 2048
_PROBE_EVENTS = 64
"""Taken at once after a failure, and twice as many each time: a slow server is not swamped."""

_type = attrgetter("envelope.type")


class Mirror:
    """Carries committed events to Redis and never holds up whoever offers them.

    ``offer``, ``view``, ``when_published`` and ``wait_published`` may be called from any thread;
    ``step``, ``flush`` and ``close`` belong to one thread, which may block.
    """

    def __init__(
        self,
        publisher: Mirrors,
        outbox: Outbox,
        *,
        server: str,
        report: Callable[[EventBody], None],
        stream_length: int = 100_000,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Nothing happens until ``step``. Make it before the first event that is offered.

        ``server`` describes Redis for people. ``report`` gets ``bus.degraded``, ``bus.restored``
        and ``bus.reader_passed`` on the publishing thread. A stream that lacks events gets
        ``stream_length`` of them at most, where the outbox has a backlog.
        """
        self._publisher = publisher
        self._outbox = outbox
        self._server = server
        self._report = report
        self._stream_length = stream_length
        self._wake: Callable[[], None] = _nothing
        self._clock = clock or SystemClock()
        self._chance = chance
        self._health = Health()
        self._watermark = Watermark()
        self._retry_at = self._beat_at = 0.0
        self._most = _MOST_EVENTS
        self._dropped = self._refilled = 0
        self._newest = outbox.backlog.last if outbox.backlog else 0
        self._floor = 0
        self._settled = outbox.backlog is None
        self._filling: Filling | None = None
        self._sent_before = self._hurried = self._closed = False

    def __repr__(self) -> str:
        view = self.view()
        return f"<Mirror {view.state} {self._server} pending={view.pending} dropped={view.dropped}>"

    @property
    def published(self) -> int:
        """The highest ``seq`` that observers have been told of."""
        return self._watermark.reached

    def attach(self, wake: Callable[[], None]) -> None:
        """Begin, or begin again after ``close``: ``wake`` asks for a ``step``, from any thread.

        Call ``step`` once after this.
        """
        self._wake = wake
        self._closed = False
        if not self._health.degraded:
            self._watermark.close()

    def offer(self, events: Sequence[Event]) -> None:
        """Hand over a committed group: one short lock, and at most one wake-up."""
        if self._outbox.offer(events):
            self._wake()

    def awaits(self, seq: int) -> bool:
        """Tell whether observers are still to be told of ``seq``, and waiting for it makes sense."""
        return self._watermark.awaits(seq)

    def when_published(self, seq: int, callback: Callable[[], None]) -> bool:
        """Call back once observers were told of ``seq``, or the mirror degrades; see ``Watermark``."""
        return self._watermark.when(seq, callback)

    def wait_published(self, seq: int, timeout: float) -> bool:
        """Block until observers were told of ``seq``; ``timeout`` seconds at most, 0 when degraded.

        Tells whether they were.
        """
        told = threading.Event()
        if self._watermark.when(seq, told.set):
            told.wait(timeout)
        return self._watermark.reached >= seq

    def view(self) -> BusView:
        """State and counts at this moment."""
        counts, health = self._outbox.counts(), self._health
        state = "off" if self._closed else "degraded" if health.degraded else "live"
        return BusView(
            state,
            self._server,
            counts.published,
            counts.pending,
            counts.dropped,
            health.reason,
            refilled=counts.refilled + self._refilled,
        )

    def step(self) -> float:
        """Do the next thing that is due; returns the seconds until the next step is due.

        0 means that more waits. Blocks for the publisher's time-out at most, about.
        """
        now = self._clock.monotonic()
        if now < self._retry_at:
            return self._retry_at - now
        try:
            if self._settle(now):
                self._carry(now)
        except Exception as error:
            ours = not isinstance(error, RetinueError)
            if ours or isinstance(error, Behind):
                self._settled, self._filling = self._outbox.backlog is None, None
                self._floor = 0
            delay = self._failed(f"{type(error).__name__}: {error}" if ours else str(error))
            if ours:
                raise  # a fault in here: observers do without until the supervisor has us back
            return delay
        self._succeeded()
        return self._pause(now)

    def flush(self, seconds: float) -> int:
        """Publish all that waits, for ``seconds`` at most; returns how many events are left.

        A server that is away gets one more attempt.
        """
        deadline = self._clock.monotonic() + seconds
        self._retry_at, self._hurried = 0.0, True
        while self._outbox.counts().pending and self._clock.monotonic() < deadline:
            self.step()
            if self._retry_at:
                break
        self._hurried = False
        return self._outbox.counts().pending

    def close(self, seconds: float = 1.0) -> int:
        """Flush, let go everyone who waits, and disconnect; returns how many events are left."""
        left = self.flush(seconds)
        self._closed = True
        self._watermark.open()
        self._publisher.close(self._floor)
        return left

    def _settle(self, now: float) -> bool:
        """See to it that the stream has what was mirrored before; tells whether it does."""
        backlog = self._outbox.backlog
        if self._settled or backlog is None:
            return True
        if self._filling is None:
            top = min(self._publisher.standing(backlog.last + 1), self._newest)
            most = max(0, self._stream_length - self._outbox.counts().pending)
            self._filling = Filling(backlog, self._outbox.selection, top, self._newest, most)
        filling = self._filling
        if not filling.over:
            fill = filling.page()
            if fill.events:
                self._refilled += self._publisher.fill(fill.events, fill.previous, fill.floor)
            filling.done(fill)
            filling.hurry(now, others_wait=self._outbox.counts().pending > 0)
        if filling.over:
            self._outbox.begin_after(filling.previous)
            self._floor, self._filling, self._settled = filling.top, None, True
        return self._settled

    def _carry(self, now: float) -> None:
        batch = self._outbox.take(self._most, now=math.inf if self._hurried else now)
        if batch is not None:
            if batch.events:
                self._send(batch)
            self._watermark.reach(self._outbox.done())
        if batch is None or now >= self._beat_at:
            backlog = self._outbox.backlog
            self._publisher.beat(self._floor, backlog.last if backlog else 0)
            self._beat_at = now + PING_INTERVAL
        self._publisher.trim(self._report)

    def _send(self, batch: Batch) -> None:
        sent_before, self._sent_before = self._sent_before, True
        fresh = self._publisher.publish(batch.events, batch.previous, self._floor)
        if fresh < len(batch.events) and not sent_before and self._outbox.backlog:
            raise Behind("the stream has events that this kernel did not write")
        self._sent_before = False
        self._newest = self._floor = batch.events[-1].seq
        if not _HELD_BACK.isdisjoint(map(_type, batch.events)):
            # Redis writes its reply to us before what it publishes to others, and both before
            # it reads again: once it answered this, observers have the call in their sockets.
            self._publisher.ping()

    def _pause(self, now: float) -> float:
        if not self._settled or not self._outbox.rest():
            return 0.0
        text = self._outbox.wait(now)
        beat = max(0.0, self._beat_at - now)
        return beat if text is None else min(text, beat)

    def _failed(self, reason: str) -> float:
        self._most = _PROBE_EVENTS
        self._beat_at = 0.0
        if self._outbox.backlog:
            self._outbox.backlog.rest()
        self._degrade(reason)
        delay = retry_delay(self._health, self._chance())
        self._retry_at = self._clock.monotonic() + delay
        return delay

    def _succeeded(self) -> None:
        self._retry_at = 0.0
        self._most = min(2 * self._most, _MOST_EVENTS)
        counts = self._outbox.counts()
        overflowed = self._outbox.behind or counts.dropped > self._dropped
        self._dropped = counts.dropped
        if not self._health.degraded:
            if overflowed:
                self._degrade("Redis takes events slower than they come")
        elif self._settled and not overflowed and counts.size <= self._outbox.max_bytes // 2:
            self._restore()

    def _degrade(self, reason: str) -> None:
        now, view = self._clock.monotonic(), self.view()
        self._health, report = failed(self._health, now, reason, view.dropped, view.refilled)
        self._watermark.open()
        if report:
            self._report(report)

    def _restore(self) -> None:
        now, view = self._clock.monotonic(), self.view()
        self._health, report = recovered(self._health, now, view.dropped, view.refilled)
        self._watermark.close()
        if report:
            self._report(report)


def _nothing() -> None:
    return None

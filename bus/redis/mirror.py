"""The mirror: an outbox, a publisher, and what to do when Redis is away."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Protocol

from ..clock import Clock, SystemClock
from ..envelope import Event
from ..errors import Unavailable
from ..messages import EventBody
from ..views import BusView
from .health import Health, failed, recovered, retry_delay
from .outbox import Batch, Outbox
from .watermark import Watermark

__all__ = ["Mirror", "Publishes"]

PING_INTERVAL = 0.75
"""Seconds of silence after which the server is asked: with the time-out, a stopped one shows in 2 s."""
_HELD_BACK = frozenset({"tool.called"})
"""Types of events whose effects wait until observers were told."""
_PROBE_EVENTS = 64
"""Taken at once while degraded: a slow server that takes these is on its way back."""

_type = attrgetter("envelope.type")


class Publishes(Protocol):
    """What the mirror needs of a publisher; see ``Publisher``."""

    def publish(self, events: Sequence[Event], previous: int | None = None) -> int:
        """Publish in order, or raise ``Unavailable``; the same events may come again."""

    def ping(self) -> None:
        """Raise ``Unavailable`` unless the server answers."""

    def close(self) -> None:
        """Give back the connection."""


class Mirror:
    """Carries committed events to Redis and never holds up whoever offers them.

    ``offer``, ``view``, ``when_published`` and ``wait_published`` may be called from any thread;
    ``step``, ``flush`` and ``close`` belong to one thread, which may block.
    """

    def __init__(
        self,
        publisher: Publishes,
        outbox: Outbox,
        *,
        server: str,
        report: Callable[[EventBody], None],
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Nothing happens until ``step``.

        ``server`` describes Redis for people. ``report`` gets ``bus.degraded`` and
        ``bus.restored`` on the publishing thread.
        """
        self._publisher = publisher
        self._outbox = outbox
        self._server = server
        self._report = report
        self._wake: Callable[[], None] = _nothing
        self._clock = clock or SystemClock()
        self._chance = chance
        self._health = Health()
        self._watermark = Watermark()
        self._retry_at = 0.0
        self._dropped = 0
        self._closed = False

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
            state, self._server, counts.published, counts.pending, counts.dropped, health.reason
        )

    def step(self) -> float:
        """Publish a batch, or ask after the server; returns the seconds until the next step is due.

        0 means that more waits. Blocks for the publisher's time-out at most, about.
        """
        now = self._clock.monotonic()
        if now < self._retry_at:
            return self._retry_at - now
        degraded = self._health.degraded
        batch = self._outbox.take(_PROBE_EVENTS) if degraded else self._outbox.take()
        try:
            self._send(batch)
        except Unavailable as error:
            return self._failed(str(error))
        last = self._outbox.done()
        self._succeeded(last)
        return PING_INTERVAL if self._outbox.rest() else 0.0

    def flush(self, seconds: float) -> int:
        """Publish all that waits, for ``seconds`` at most; returns how many events are left.

        A server that is away gets one more attempt.
        """
        deadline = self._clock.monotonic() + seconds
        self._retry_at = 0.0
        while self._outbox.counts().pending and self._clock.monotonic() < deadline:
            self.step()
            if self._retry_at:
                break
        return self._outbox.counts().pending

    def close(self, seconds: float = 1.0) -> int:
        """Flush, let go everyone who waits, and disconnect; returns how many events are left."""
        left = self.flush(seconds)
        self._closed = True
        self._watermark.open()
        self._publisher.close()
        return left

    def _send(self, batch: Batch | None) -> None:
        if batch is None:
            self._publisher.ping()
        elif batch.events:
            self._publisher.publish(batch.events, batch.previous)
            if not _HELD_BACK.isdisjoint(map(_type, batch.events)):
                # Redis writes its reply to us before what it publishes to others, and both before
                # it reads again: once it answered this, observers have the call in their sockets.
                self._publisher.ping()

    def _failed(self, reason: str) -> float:
        self._degrade(reason)
        delay = retry_delay(self._health, self._chance())
        self._retry_at = self._clock.monotonic() + delay
        return delay

    def _succeeded(self, last: int) -> None:
        self._retry_at = 0.0
        self._watermark.reach(last)
        counts = self._outbox.counts()
        overflowed = counts.dropped > self._dropped
        self._dropped = counts.dropped
        if not self._health.degraded:
            if overflowed:
                self._degrade("Redis takes events slower than they come")
        elif counts.size <= self._outbox.max_bytes // 2:
            self._restore(counts.dropped)

    def _degrade(self, reason: str) -> None:
        self._health, report = failed(self._health, self._clock.monotonic(), reason)
        self._watermark.open()
        if report:
            self._report(report)

    def _restore(self, dropped: int) -> None:
        self._health, report = recovered(self._health, self._clock.monotonic(), dropped)
        self._watermark.close()
        if report:
            self._report(report)


def _nothing() -> None:
    return None

"""Readers of every kind, each on its own, that note what they are given and what they are told of."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import redis

from retinue.bus.redis.async_subscriber import AsyncSubscriber
from retinue.bus.redis.cursor import Cursor, read_entry, read_event
from retinue.bus.redis.gaps import Gap
from retinue.bus.redis.subscriber import Subscriber
from retinue.bus.topics import stream

KERNEL = "main"
TICK = 0.02


class Watcher:
    """What one reader has: ``seen`` by seq, ``gaps`` as ranges, ``wrong`` in words."""

    kind = ""
    whole = True
    """Whether it gets every event of the kernel."""

    def __init__(self, start: int) -> None:
        self.start = self.reached = start
        self._lock = threading.Lock()
        self.fresh: list[tuple[int, str]] = []
        self.gaps: list[Gap] = []
        self.kept: list[tuple[int, str] | Gap] = []
        self.wrong: list[str] = []
        self.twice = 0
        self.stalled = threading.Event()
        self.going_on = threading.Event()
        self.going_on.set()
        self.closed = threading.Event()

    def run(self) -> None:
        """On a thread of its own."""
        self.thread = threading.Thread(target=self._guarded, daemon=True)
        self.thread.start()

    def event(self, seq: int, identity: str) -> None:
        """It was given an event."""
        if seq <= self.reached:
            self.wrong.append(f"{self.kind}: event {seq} again, at {self.reached}")
        elif self.whole and seq != self.reached + 1:
            self.wrong.append(f"{self.kind}: silent gap, {self.reached + 1} to {seq - 1}")
        with self._lock:
            self.fresh.append((seq, identity))
            self.reached = max(seq, self.reached)

    def gap(self, gap: Gap) -> None:
        """It was told of one."""
        if gap.anew is not None or gap.last < gap.first:
            self.wrong.append(f"{self.kind}: {gap} at {self.reached}")
        elif self.whole and gap.first != self.reached + 1:
            self.wrong.append(f"{self.kind}: {gap}, which is not exact at {self.reached}")
        with self._lock:
            self.gaps.append(gap)
            self.reached = max(gap.last, self.reached)

    def taken(self) -> tuple[list[tuple[int, str]], list[Gap], int]:
        """What it was given and told since this was asked last, and how far that goes."""
        with self._lock:
            fresh, self.fresh = self.fresh, []
            gaps, self.gaps = self.gaps, []
            return fresh, gaps, self.reached

    def stall(self) -> None:
        """Read nothing until ``go_on``."""
        self.going_on.clear()

    def go_on(self) -> None:
        self.going_on.set()

    def cut(self) -> None:
        """Break its connection from its own side, where that is something else than by Redis."""

    def close(self) -> None:
        self.closed.set()
        self.going_on.set()

    def _guarded(self) -> None:
        try:
            self.follow()
        except Exception as error:
            if not self.closed.is_set():
                self.wrong.append(f"{self.kind} ended: {type(error).__name__}: {error}")

    def follow(self) -> None:
        """Read until it is closed."""
        raise NotImplementedError


class Sync(Watcher):
    """``Subscriber``, straight or over a proxy."""

    kind = "Subscriber"

    def __init__(self, url: str, start: int, run: str | None = None) -> None:
        super().__init__(start)
        self.whole = run is None
        self.kind = "Subscriber of a channel" if run else self.kind
        self.reader = Subscriber(url, KERNEL, start, run)
        self.reader.open()

    def follow(self) -> None:
        while not self.closed.is_set():
            for item in self.reader.read(TICK):
                self.gap(item) if isinstance(item, Gap) else self.event(item.seq, item.id)
                if not self.going_on.is_set():
                    break
            self.going_on.wait()

    def close(self) -> None:
        super().close()
        self.reader.close()


class Async(Watcher):
    """``AsyncSubscriber``."""

    kind = "AsyncSubscriber"

    def __init__(self, url: str, start: int) -> None:
        super().__init__(start)
        self.url = url

    def follow(self) -> None:
        asyncio.run(self._follow())

    async def _follow(self) -> None:
        async with AsyncSubscriber(self.url, KERNEL, self.start) as reader:
            while not self.closed.is_set():
                async for item in reader.read(TICK):
                    self.gap(item) if isinstance(item, Gap) else self.event(item.seq, item.id)
                    if not self.going_on.is_set():
                        break
                await asyncio.to_thread(self.going_on.wait)


class Plain(Watcher):
    """A program with redis-py alone: two overlapping patterns as hints, the stream to catch up."""

    kind = "two patterns"
    PATTERNS = ("retinue:{main}:events:*:*", "retinue:{main}:events:*:agent.*")

    def __init__(self, url: str, start: int) -> None:
        super().__init__(start)
        self.url = url
        self.cursor = Cursor(start)

    def follow(self) -> None:
        while not self.closed.is_set():
            with contextlib.suppress(redis.RedisError), self._client() as client:
                hints = client.pubsub()
                hints.psubscribe(*self.PATTERNS, "retinue:{main}:heartbeat")
                while not self.closed.is_set():
                    self.going_on.wait()
                    self._hint(client, hints.get_message(timeout=1.5))
            self.closed.wait(0.01)

    def _client(self):
        once = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
        return redis.Redis.from_url(self.url, protocol=2, socket_timeout=2.0, retry=once)

    def _hint(self, client, message) -> None:
        if message is None:
            raise redis.ConnectionError("not even a heartbeat")
        event = read_event(message["data"]) if message["type"] == "pmessage" else None
        if event is not None and event.seq <= self.reached:
            self.twice += 1
        elif event is not None and event.previous <= self.reached:
            self._items(self.cursor.hear(event, unbroken=True))
        else:
            self._catch_up(client)

    def _catch_up(self, client) -> None:
        while entries := client.xrange(stream(KERNEL), f"({self.cursor.seq}-0", "+", count=200):
            before = self.cursor.seq
            for entry in entries:
                self._items(self.cursor.take(*read_entry((entry[0], entry[1]))))
            if self.cursor.seq == before:
                return

    def _items(self, items) -> None:
        for item in items:
            self.gap(item) if isinstance(item, Gap) else self.event(item.seq, item.id)


def wait_for(condition, seconds: float, what) -> None:
    """Return once it holds; raises ``AssertionError`` with ``what()``."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(what())
        time.sleep(0.002)

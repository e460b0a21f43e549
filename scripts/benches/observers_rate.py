"""How fast events are mirrored, beside a redis-py pipeline, in groups of 1,000.

All begin with the same events and put the same bytes into Redis. Ours goes the kernel's way: an
outbox, and the mirror that empties it.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

from retinue.bus.envelope import Envelope, Event
from retinue.bus.redis.client import command_client
from retinue.bus.redis.mirror import Mirror
from retinue.bus.redis.outbox import Outbox
from retinue.bus.redis.private import PrivateServer
from retinue.bus.redis.publisher import Publisher
from retinue.bus.topics import channel, stream
from retinue.bus.wire import EventEncoder

NAME = "bench-rate"
GROUP, GROUPS = 1_000, 50
_BODY = b'{"type":"agent.thought","text":"the next step is to look it up"}'


def run(report: Any, server: PrivateServer) -> None:
    """Stream and channels, and channels alone."""
    groups = 3 if report.quick else GROUPS
    pipeline, mirrored = Pipeline(server.url), Mirrored(server.url)
    for name, published in {
        "mirrored, with stream and publish, an event": pipeline.both,
        "mirrored beside a pipeline that only publishes, an event": pipeline.publish,
    }.items():
        target = {"at_least": 3} if published == pipeline.both else {"at_least": 1}
        report.compare(
            name,
            lambda: _each(mirrored.publish, groups),
            lambda published=published: _each(published, groups),
            **target,
        )
    mirrored.close()
    pipeline.close()


def _each(publish: Callable[[list[Event]], object], groups: int) -> float:
    """Microseconds for each event."""
    made = [list(itertools.islice(_events, GROUP)) for _ in range(groups)]
    started = time.perf_counter()
    for group in made:
        publish(group)
    return (time.perf_counter() - started) / (groups * GROUP) * 1e6


def _numbered() -> Iterator[Event]:
    for seq in itertools.count(1):
        now = 1.7e9 + seq / 50_000
        envelope = Envelope(f"e-b00t-{seq}", "agent.thought", now, _BODY, "r-b00t-1", "t-b00t-1")
        yield Event(seq, envelope)


_events = _numbered()


class Mirrored:
    """The kernel's way, without a kernel."""

    def __init__(self, url: str) -> None:
        """Publishes nothing yet."""
        publisher = Publisher(url, NAME, "bench")
        self._mirror = Mirror(publisher, Outbox(), server="bench", report=lambda _: None)
        self._mirror.step()

    def publish(self, events: list[Event]) -> None:
        """Returns when Redis has them."""
        self._mirror.offer(events)
        while self._mirror.view().pending:
            self._mirror.step()

    def close(self) -> None:
        """Disconnect."""
        self._mirror.close()


class Pipeline:
    """What redis-py's manual says to do with many commands."""

    def __init__(self, url: str) -> None:
        """Sends nothing yet."""
        self._client = command_client(url)
        self._encode = EventEncoder(NAME).encode
        self._stream = stream(f"{NAME}-naive")

    def both(self, events: list[Event]) -> None:
        """``XADD``, then ``PUBLISH``, for each event; one round trip for all."""
        pipeline = self._client.pipeline(transaction=False)
        for event in events:
            payload = self._encode(event, event.seq - 1)
            fields = {"seq": event.seq, "event": payload}
            pipeline.xadd(self._stream, fields, f"{event.seq}-0")
            pipeline.publish(_channel(event), payload)
        pipeline.execute()
        self._client.xtrim(self._stream, 100_000)

    def publish(self, events: list[Event]) -> None:
        """Only ``PUBLISH``."""
        pipeline = self._client.pipeline(transaction=False)
        for event in events:
            pipeline.publish(_channel(event), self._encode(event, event.seq - 1))
        pipeline.execute()

    def close(self) -> None:
        """Disconnect."""
        self._client.close()


def _channel(event: Event) -> str:
    return channel(NAME, event.envelope.run, event.envelope.type)

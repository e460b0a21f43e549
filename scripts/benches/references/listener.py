"""Reads messages as any observer may, and says at which ``monotonic_ns`` each one was there.

``python listener.py KIND URL NAME COUNT MARK``: ``channel`` (a pattern) and ``stream`` with plain
redis-py, ``subscriber`` with Retinue's (``NAME`` is the kernel's), ``websocket`` (``NAME`` is the
whole address). Messages that do not hold the text ``MARK`` are passed over. Says ``ready`` once it listens.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

PATIENCE = 60.0


def main() -> None:
    """Print so many moments, one a line."""
    kind, url, name, count, mark = sys.argv[1:]
    messages = {
        "channel": _channel,
        "stream": _stream,
        "subscriber": _subscriber,
        "websocket": _websocket,
    }[kind](url, name)
    moments: list[int] = []
    wanted, marked = int(count), mark.encode()
    for message in messages:
        now = time.monotonic_ns()
        if marked in message:
            moments.append(now)
            if len(moments) == wanted:
                break
    print("\n".join(map(str, moments)), flush=True)


def _channel(url: str, pattern: str) -> Iterator[bytes]:
    import redis

    pubsub = redis.Redis.from_url(url, protocol=2).pubsub(ignore_subscribe_messages=True)
    pubsub.psubscribe(pattern)
    pubsub.get_message(timeout=10)
    _ready()
    for message in pubsub.listen():
        yield message["data"]


def _stream(url: str, key: str) -> Iterator[bytes]:
    import redis

    client = redis.Redis.from_url(url, protocol=2, socket_timeout=None)
    last = client.xrevrange(key, count=1)
    after = last[0][0] if last else b"0"
    _ready()
    while found := client.xread({key: after}, count=100, block=int(PATIENCE * 1000)):
        entries = found[0][1]
        after = entries[-1][0]
        yield from (fields[b"json"] for _, fields in entries)


def _subscriber(url: str, kernel: str) -> Iterator[bytes]:
    from retinue.bus.redis.subscriber import Gap, Subscriber

    with Subscriber(url, kernel) as reader:
        _ready()
        for event in reader.read(timeout=PATIENCE):
            yield b"gap" if isinstance(event, Gap) else event.body


def _websocket(_: str, address: str) -> Iterator[bytes]:
    import asyncio

    from websockets.asyncio.client import connect

    loop = asyncio.new_event_loop()
    socket = loop.run_until_complete(connect(address, compression=None, ping_interval=None))
    _ready()
    while True:
        yield loop.run_until_complete(socket.recv(decode=False))


def _ready() -> None:
    print("ready", flush=True)


main()

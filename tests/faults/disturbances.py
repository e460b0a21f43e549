"""What is done to a Redis and to its readers while a kernel works; each begins, and ends in order."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Iterator

import redis

from retinue.bus.topics import channel, fill_channel, heartbeat_key, stream

from .outside import LOGS
from .watchers import KERNEL, Async, Plain, Sync
from .web_watchers import Sent, Socket

PEOPLE = "watcher"
"""The user of Redis that some readers are."""

ANSI = "\x1b[2J\x1b]0;x\x07\u202e"
GARBAGE = [
    b"",
    b"null",
    b"\xff\xfe\x00",
    b"[" * 20_000,
    b'{"specversion":"1.0"}',
    b'{"a":' * 3_000,
    b"x" * (1 << 20),
    json.dumps({"run_id": ANSI, "agent_id": "a", "category": "THOUGHT", "message": ANSI}).encode(),
    json.dumps({"run_id": 7, "agent_id": [], "category": {}, "message": None}).encode(),
    json.dumps({"id": "0" * 32, "first": -1, "last": 1 << 80, "run": 5}).encode(),
    json.dumps({"id": "f" * 32, "first": 1, "last": 1 << 53, "run": "no-such"}).encode(),
]
FIELDS = [
    {"event": b"\xff"},
    {"event": b"[" * 5_000},
    {"nothing": b"here"},
    {"seq": b"x", "event": b"\x1b[2J", "form": b"msgpack"},
]


def connections_killed(world, chance: random.Random) -> Iterator[None]:
    kinds = chance.choice([("normal",), ("pubsub",), ("normal", "pubsub")])
    with world.redis() as client:
        for kind in kinds:
            client.client_kill_filter(_type=kind, skipme=True)
    yield


def restarted(world, chance: random.Random) -> Iterator[None]:
    """In order, with what it held or without: as the world's server is."""
    world.server.end()
    yield
    world.server.start()
    world.give_rights()


def killed(world, chance: random.Random) -> Iterator[None]:
    world.server.kill()
    yield
    world.server.start()
    world.give_rights()


def stopped(world, chance: random.Random) -> Iterator[None]:
    """Mostly for a moment; sometimes for longer than anybody waits for an answer."""
    with world.server.stopped():
        time.sleep(1.3 if chance.random() < 0.05 else chance.random() * 0.03)
        yield


def memory_full(world, chance: random.Random) -> Iterator[None]:
    with world.redis() as client:
        client.config_set("maxmemory", 1)
        yield
        client.config_set("maxmemory", 0)


def readers_stalled(world, chance: random.Random) -> Iterator[None]:
    """They read nothing while more comes than anybody holds for them."""
    some = chance.sample(world.watchers, len(world.watchers) // 2)
    for watcher in some:
        watcher.stall()
    world.burst(500, 2_000)
    yield
    for watcher in some:
        watcher.go_on()


def trimmed(world, chance: random.Random) -> Iterator[None]:
    """Behind the cursors of those who read nothing at that moment."""
    some = chance.sample(world.watchers, len(world.watchers) // 2)
    for watcher in some:
        watcher.stall()
    yield
    with world.redis() as client:
        client.xtrim(stream(KERNEL), maxlen=chance.randint(0, 20), approximate=False)
    for watcher in some:
        watcher.go_on()


def readers_late(world, chance: random.Random) -> Iterator[None]:
    """Others take the places of some, and begin at an old cursor or at the first event."""
    for kind in chance.sample([Sync, Async, Plain, Sent, Socket], 2):
        old = next(w for w in world.watchers if type(w) is kind and w.whole is kind.whole)
        world.replace(old, chance.choice([0, max(0, world.head - chance.randint(0, 400))]))
    yield


def patterns_again(world, chance: random.Random) -> Iterator[None]:
    """The readers of two overlapping patterns are made to subscribe once more, in the middle."""
    with world.redis() as client:
        client.client_kill_filter(_type="pubsub")
        yield
        client.client_kill_filter(_type="pubsub")


def half_open(world, chance: random.Random) -> Iterator[None]:
    """Connections of which the readers' half is all that is left."""
    world.proxy.swallow()
    yield


def clients_cut(world, chance: random.Random) -> Iterator[None]:
    """Connections to the kernel's own server end in the middle of something."""
    for watcher in world.watchers:
        watcher.cut()
    yield


def rights_withdrawn(world, chance: random.Random) -> Iterator[None]:
    """The readers' or, more rarely, the kernel's."""
    with world.redis() as client:
        if chance.random() < 0.2:
            client.execute_command("ACL", "SETUSER", "default", "-evalsha", "-publish")
            yield
            client.execute_command("ACL", "SETUSER", "default", "+@all")
            return
        rule = chance.choice(["-@all", "resetkeys", "off"])
        client.execute_command("ACL", "SETUSER", PEOPLE, rule)
        client.client_kill_filter(user=PEOPLE)
        yield
        client.execute_command("ACL", "SETUSER", PEOPLE, *world.rights)


def garbage(world, chance: random.Random) -> Iterator[None]:
    """On every channel that anybody hears, and in the stream and the keys that everybody reads."""
    places = [LOGS, fill_channel(KERNEL), channel(KERNEL, "-", "t"), channel(KERNEL, "r-1", "t")]
    with world.redis() as client:
        for payload in chance.sample(GARBAGE, 5):
            client.publish(chance.choice(places), payload)
        forged = {"run_id": world.run, "agent_id": "chatter", "category": "THOUGHT"}
        told = {"message": ANSI, "metadata": "PLANNING", "timestamp": "2001-09-09T01:46:40.123Z"}
        client.publish(LOGS, json.dumps({**forged, **told}))
        client.set(heartbeat_key(KERNEL), chance.choice(GARBAGE[:6]))
        # What Redis numbers itself stands above all that the kernel will number: it has to be
        # taken out again before the kernel can go on, and the kernel makes the stream anew.
        with contextlib.suppress(redis.ResponseError):
            client.xadd(stream(KERNEL), chance.choice(FIELDS))
        yield


def flooded(world, chance: random.Random) -> Iterator[None]:
    """As much as a program outside can send for a moment."""
    thought = {"run_id": "x-flood", "agent_id": "a", "category": "THOUGHT", "message": "x" * 200}
    told = json.dumps({**thought, "metadata": "PLANNING", "timestamp": "2001-09-09T01:46:40.123Z"})
    with world.redis() as client, client.pipeline(transaction=False) as pipe:
        for _ in range(3_000):
            pipe.publish(chance.choice([LOGS, LOGS, fill_channel(KERNEL)]), told)
        pipe.execute()
        yield


def keys_lost(world, chance: random.Random) -> Iterator[None]:
    """Deleted, or replaced by something else."""
    with world.redis() as client:
        way = chance.randrange(3)
        if way == 0:
            client.flushall()
        else:
            client.delete(stream(KERNEL))
        if way == 2:
            client.set(stream(KERNEL), "mine")
        yield
        if way == 2:
            client.delete(stream(KERNEL))


DISTURBANCES = {
    "CLIENT KILL": (connections_killed, 24),
    "server restart": (restarted, 8),
    "SIGKILL": (killed, 8),
    "SIGSTOP": (stopped, 10),
    "memory limit": (memory_full, 5),
    "stalled past the buffer": (readers_stalled, 5),
    "trimmed behind a cursor": (trimmed, 12),
    "late reader": (readers_late, 8),
    "overlapping patterns": (patterns_again, 5),
    "half-open connection": (half_open, 4),
    "client cut off": (clients_cut, 8),
    "ACL withdrawn": (rights_withdrawn, 6),
    "garbage inbound": (garbage, 8),
    "flood inbound": (flooded, 3),
    "keys lost": (keys_lost, 5),
}
"""Each with how often of a hundred it is done, about."""

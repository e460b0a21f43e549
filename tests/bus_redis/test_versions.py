"""The same on every server that can be had, in both protocols."""

from __future__ import annotations

import asyncio
import itertools

import pytest
import redis

from retinue.bus.errors import Unavailable
from retinue.bus.redis.async_subscriber import AsyncSubscriber
from retinue.bus.redis.client import command_client, mended_by_reconnecting, reading_client
from retinue.bus.redis.publisher import Publisher
from retinue.bus.redis.subscriber import Subscriber
from retinue.bus.topics import channel, stream

from .servers import Server, find, versions

pytestmark = pytest.mark.redis

_names = itertools.count(1)


@pytest.fixture(scope="module", params=versions())
def versioned(request, missing):
    """A server of each version."""
    binary = find(request.param)
    if binary is None:
        missing(f"the server {request.param}", versions()[request.param])
    server = Server(binary)
    yield server
    server.close()


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def url(request, versioned):
    """The server's URL, which says the protocol."""
    return f"{versioned.url}?protocol={request.param}"


@pytest.fixture
def name():
    return f"version-{next(_names)}"


def test_what_is_published_is_read_once_and_in_order(url, name, make_events):
    publisher = Publisher(url, name, "j")
    with Subscriber(url, name, start="now") as reader:
        assert publisher.publish(make_events(1, 300)) == 300
        assert publisher.publish(make_events(290, 20)) == 9
        assert [event.seq for event in reader.read(timeout=0.1)] == [*range(1, 310)]
    with Subscriber(url, name, start=305) as later:
        assert [event.seq for event in later.read(timeout=0.1)] == [306, 307, 308, 309]
    publisher.close()


def test_an_event_loop_reads_the_same(url, name, make_events):
    publisher = Publisher(url, name, "j")
    publisher.publish(make_events(1, 5))

    async def read():
        async with AsyncSubscriber(url, name, start="first") as reader:
            return [event.seq async for event in reader.read(timeout=0.1)]

    assert asyncio.run(read()) == [1, 2, 3, 4, 5]
    publisher.close()


def test_a_pattern_hears_what_is_published(url, name, make_events):
    publisher = Publisher(url, name, "j")
    with command_client(url) as client, client.pubsub(ignore_subscribe_messages=False) as heard:
        heard.psubscribe(channel(name, "*", "tool.*"))
        assert heard.get_message(timeout=5)["type"] == "psubscribe"
        publisher.publish(make_events(1, 1))
        message = heard.get_message(timeout=5)
    assert (message["type"], message["channel"]) == (
        "pmessage",
        channel(name, "r-1", "tool.called").encode(),
    )
    publisher.close()


def test_replies_have_one_shape_whichever_protocol_is_spoken(versioned, name):
    key = stream(name)
    asked = {}
    for protocol in (2, 3):
        with reading_client(f"{versioned.url}?protocol={protocol}", 0.1) as client:
            client.delete(key)
            client.xadd(key, {"a": "1", "b": "2"}, id="1-0")
            client.xadd(key, {"a": "3"}, id="2-0")
            client.xgroup_create(key, "g", id="0")
            asked[protocol] = [
                client.xread({key: "0"}),
                client.xread({key: "9"}, block=1),
                client.xreadgroup("g", "c", {key: ">"}),
                client.xrevrange(key, count=1),
                client.xautoclaim(key, "g", "d", 0)[:2],
                client.xpending(key, "g"),
                {k: v for k, v in client.xinfo_groups(key)[0].items() if k != "entries-read"},
                client.get(f"{key}:none"),
                client.brpop(f"{key}:none", timeout=0.01),
            ]
    assert asked[2] == asked[3]
    assert asked[2][0] == [
        [key.encode(), [(b"1-0", {b"a": b"1", b"b": b"2"}), (b"2-0", {b"a": b"3"})]]
    ]
    assert asked[2][1] == []


def test_a_group_reads_again_the_entry_that_was_deleted_since(versioned, name):
    key = stream(name)
    for protocol in (2, 3):
        with reading_client(f"{versioned.url}?protocol={protocol}", 0.1) as client:
            client.delete(key)
            client.xadd(key, {"a": "1"}, id="1-0")
            client.xgroup_create(key, "g", id="0")
            client.xreadgroup("g", "c", {key: ">"})
            client.xdel(key, "1-0")
            assert client.xreadgroup("g", "c", {key: "0"})[0][1] in (
                [(b"1-0", {})],
                [(b"1-0", None)],
            )


def test_publishing_goes_on_when_connections_are_killed_and_scripts_flushed(
    versioned, url, name, make_events
):
    publisher = Publisher(url, name, "j")
    publisher.publish(make_events(1, 3))
    with redis.Redis.from_url(versioned.url) as admin:
        admin.client_kill_filter(_type="normal", skipme=True)
        admin.script_flush()
    assert publisher.publish(make_events(4, 3)) == 3
    publisher.close()


def test_a_server_that_became_a_replica_is_looked_for_anew(versioned, url, name, make_events):
    publisher = Publisher(url, name, "j")
    publisher.publish(make_events(1, 3))
    with versioned.client() as admin:
        admin.replicaof("127.0.0.1", "1")
        try:
            with pytest.raises(Unavailable) as refused:
                publisher.publish(make_events(4, 3))
        finally:
            admin.replicaof("NO", "ONE")
    assert mended_by_reconnecting(refused.value.__cause__)
    assert publisher.publish(make_events(4, 3)) == 3
    publisher.close()

"""A reader on an event loop decides as the other one does, and loses nothing when it is cancelled."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from retinue.bus.errors import Unavailable
from retinue.bus.redis.acl import observer_run
from retinue.bus.redis.async_subscriber import AsyncGap, AsyncSubscriber
from retinue.bus.redis.gaps import Gap
from retinue.bus.redis.private import PrivateServer
from retinue.bus.redis.publisher import Publisher
from retinue.bus.topics import readers_key, stream

pytestmark = pytest.mark.redis


@pytest.mark.parametrize("protocol", [2, 3])
def test_events_and_gaps_come_in_order_in_either_protocol(
    server, client, publisher, kernel, make_events, protocol
):
    async def main():
        async with AsyncSubscriber(f"{server.url}?protocol={protocol}", kernel, 5) as reader:
            return await _take(reader, 3), reader.cursor

    publisher.publish(make_events(1, 50))
    client.xtrim(stream(kernel), maxlen=10, approximate=False)
    items, cursor = asyncio.run(main())
    assert [_seq(item) for item in items] == [Gap(6, 40), 41, 42]
    assert isinstance(items[0], AsyncGap)
    assert cursor == 42


def test_a_read_that_is_cancelled_ends_and_loses_no_event(server, publisher, kernel, make_events):
    async def main():
        seen = []
        async with AsyncSubscriber(server.url, kernel, 0) as reader:
            for seq in range(1, 11):
                waiting = asyncio.ensure_future(_take(reader, 1))
                for _ in range(seq):  # each time at another point of its way
                    await asyncio.sleep(0)
                publisher.publish(make_events(seq, 1))
                waiting.cancel()
                await asyncio.wait([waiting])
                assert waiting.cancelled()
                seen += await _take(reader, 1)
        return [item.seq for item in seen]

    assert asyncio.run(main()) == list(range(1, 11))


def test_many_readers_share_one_loop(server, publisher, kernel, make_events):
    async def main():
        readers = [AsyncSubscriber(server.url, kernel) for _ in range(20)]
        for reader in readers:
            await reader.open()
        publisher.publish(make_events(1, 30))
        seen = await asyncio.gather(*(_take(reader, 30) for reader in readers))
        for reader in readers:
            await reader.close()
        return [[item.seq for item in items] for items in seen]

    assert asyncio.run(main()) == [list(range(1, 31))] * 20


def test_a_reader_whose_server_is_killed_goes_on_where_it_stood(binary, kernel, make_events):
    async def main():
        async with AsyncSubscriber(server.url, kernel, 0) as reader:
            seen = await _take(reader, 3)
            os.kill(server.pid, signal.SIGKILL)
            waiting = asyncio.ensure_future(_take(reader, 2))
            while not await asyncio.to_thread(_published, publisher, make_events(2, 4)):
                assert not waiting.done()
            return [item.seq for item in seen + await waiting]

    server = PrivateServer(binary)
    server.start()
    publisher = Publisher(server.url, kernel, "j")
    publisher.publish(make_events(1, 3))
    assert asyncio.run(main()) == [1, 2, 3, 4, 5]
    server.stop()


def test_closing_ends_a_read_of_another_task(server, kernel):
    async def main():
        reader = AsyncSubscriber(server.url, kernel)
        await reader.open()
        waiting = asyncio.ensure_future(_take(reader, 1))
        await asyncio.sleep(0)
        await reader.close()
        return await asyncio.wait_for(waiting, 10)

    assert asyncio.run(main()) == []


def test_a_registered_reader_is_noted_and_forgotten(server, client, publisher, kernel, make_events):
    async def main():
        async with AsyncSubscriber(server.url, kernel, 0, name="billing") as reader:
            await _take(reader, 5)
        noted = client.hgetall(readers_key(kernel))
        async with AsyncSubscriber(server.url, kernel, 0, name="billing") as reader:
            await reader.forget()
        return noted

    publisher.publish(make_events(1, 5))
    assert asyncio.run(main()) == {b"billing": b"5"}
    assert client.hgetall(readers_key(kernel)) == {}


def test_a_user_of_one_run_follows_its_channel(server, client, publisher, kernel, make_events):
    async def main():
        async with AsyncSubscriber(url, kernel, run="r-1") as reader:
            publisher.publish(make_events(1, 1) + make_events(2, 1, run="r-2") + make_events(3, 1))
            seen = [item.seq for item in await _take(reader, 2)]
            return seen, reader.live

    user = observer_run(kernel, "r-1", name=f"a-{kernel}")
    client.execute_command("ACL", "SETUSER", user.name, *user.rules("nopass"))
    url = f"{server.url}?username={user.name}&password=x"
    assert asyncio.run(main()) == ([1, 3], True)


def test_opening_without_a_server_is_unavailable(tmp_path):
    with pytest.raises(Unavailable, match="Redis at unix:///"):
        asyncio.run(AsyncSubscriber(f"unix://{tmp_path}/nothing.sock").open())


async def _take(reader, count):
    taken = []
    async for item in reader.read(10):
        taken.append(item)
        if len(taken) == count:
            break
    return taken


def _seq(item):
    return item if isinstance(item, Gap) else item.seq


def _published(publisher, events):
    try:
        return publisher.publish(events)
    except Unavailable:
        return 0

from __future__ import annotations

import asyncio
import base64
import gzip
import threading

import pytest

from retinue.bus.errors import DeadlineExceeded, Denied, NotFound
from retinue.plugins.mediation.http.opened import MAX_OPEN

from .servers import ok


def test_a_body_over_its_bound_is_refused_whatever_its_length_says(world, serve):
    async def endless(reader, writer, head):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.transport.is_closing():
            writer.write(b"x" * 65536)
            await writer.drain()

    server = serve({"/": endless})
    world.grants("service.test", ports=[server.port])
    with pytest.raises(Denied):
        world.fetch(f"http://service.test:{server.port}/", max_bytes=1_000_000)
    assert world.rules == ["http.size"]


def test_a_bomb_of_gzip_is_refused_at_the_bound_and_never_held_whole(world, serve):
    bomb = gzip.compress(bytes(40 << 20))
    server = serve({"/": ok(bomb, "content-encoding: gzip")})
    world.grants("service.test", ports=[server.port])
    with pytest.raises(Denied):
        world.fetch(f"http://service.test:{server.port}/", max_bytes=1 << 20)
    assert world.rules == ["http.size"]


@pytest.mark.parametrize(
    "after", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"]
)
def test_a_server_that_stops_talking_costs_no_more_than_the_time_that_was_given(
    world, serve, after
):
    gone = threading.Event()

    async def stops(reader, writer, head):
        writer.write(after)
        await writer.drain()
        await reader.read()  # until the other side closes
        gone.set()

    server = serve({"/": stops})
    world.grants("service.test", ports=[server.port])
    with pytest.raises(DeadlineExceeded):
        world.fetch(f"http://service.test:{server.port}/", seconds=0.1)
    assert gone.wait(5)


def test_a_server_that_sends_a_byte_now_and_then_gets_no_more_time_for_it(world, serve):
    async def trickles(reader, writer, head):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.transport.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    server = serve({"/": trickles})
    world.grants("service.test", ports=[server.port])
    with pytest.raises(DeadlineExceeded):
        world.fetch(f"http://service.test:{server.port}/", seconds=0.3)


def test_the_deadline_of_the_call_bounds_its_fetches(world, serve):
    async def silent(reader, writer, head):
        await reader.read()

    server = serve({"/": silent})
    world.grants("service.test", ports=[server.port])
    world.seconds = 0.1
    with pytest.raises(DeadlineExceeded):
        world.fetch(f"http://service.test:{server.port}/", seconds=600)


def test_a_resolver_that_hangs_costs_no_more_than_the_time_that_was_given(world):
    world.grants("service.test")

    async def hangs(host, port):
        await asyncio.Event().wait()

    world.resolve = hangs
    with pytest.raises(DeadlineExceeded):
        world.fetch("https://service.test/", seconds=0.1)


def test_an_answer_that_nobody_reads_on_is_closed_at_the_end_of_its_time(world, serve):
    gone = threading.Event()

    async def long(reader, writer, head):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000)
        await reader.read()
        gone.set()

    server = serve({"/": long})
    world.grants("service.test", ports=[server.port])

    async def forgets():
        mediator = world.mediator()
        await world.asked(
            mediator, "http.fetch", url=f"http://service.test:{server.port}/", seconds=0.2
        )
        assert len(world.http.opened) == 1
        assert await asyncio.to_thread(gone.wait, 5)
        assert len(world.http.opened) == 0

    asyncio.run(forgets())


def test_of_too_many_open_answers_the_oldest_is_closed(world, serve):
    server = serve({"/": ok(b"x" * 300_000)})
    world.grants("service.test", ports=[server.port])

    async def hoards():
        mediator = world.mediator()
        handles = []
        for _ in range(MAX_OPEN + 1):
            answer = await world.asked(
                mediator, "http.fetch", url=f"http://service.test:{server.port}/"
            )
            handles.append(answer["handle"])
        assert len(world.http.opened) == MAX_OPEN
        with pytest.raises(NotFound):
            await world.asked(mediator, "http.read", handle=handles[0])
        assert (await world.asked(mediator, "http.read", handle=handles[1]))["data"]
        for handle in handles:
            await world.asked(mediator, "http.close", handle=handle)
        assert len(world.http.opened) == 0

    asyncio.run(hoards())


def test_an_answer_belongs_to_the_call_that_asked_for_it(world, serve):
    server = serve({"/": ok(b"x" * 300_000)})
    world.grants("service.test", ports=[server.port])

    async def steals():
        mediator = world.mediator()
        url = f"http://service.test:{server.port}/"
        answer = await world.asked(mediator, "http.fetch", url=url)
        with pytest.raises(NotFound):
            await world.asked(mediator, "http.read", world.call(number=8), handle=answer["handle"])
        await world.asked(mediator, "http.close", handle=answer["handle"])

    asyncio.run(steals())


def test_a_grant_that_is_taken_back_ends_what_is_being_read(world, serve):
    server = serve({"/": ok(b"x" * 300_000)})
    world.grants("service.test", ports=[server.port])

    async def revoked():
        mediator = world.mediator()
        url = f"http://service.test:{server.port}/"
        answer = await world.asked(mediator, "http.fetch", url=url)
        world.revoked = True
        with pytest.raises(Denied):
            await world.asked(mediator, "http.read", handle=answer["handle"])
        world.revoked = False
        await world.asked(mediator, "http.close", handle=answer["handle"])

    asyncio.run(revoked())
    assert world.rules == ["grant.revoked"]


def test_bytes_are_given_as_they_are(world, serve):
    whole = bytes(range(256))
    server = serve({"/": ok(whole)})
    world.grants("service.test", ports=[server.port])
    answer = world.ask("http.fetch", url=f"http://service.test:{server.port}/")
    assert base64.b64decode(answer["data"]) == whole

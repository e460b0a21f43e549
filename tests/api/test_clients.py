"""The clients: over both ways in, with and without an event loop, and what they say of failures."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from retinue.bus.errors import DeadlineExceeded, Denied, InvalidInput, NotFound, Unavailable
from retinue.kernel.client import AsyncClient, Client

from .conftest import serving


@pytest.fixture(scope="module")
def reached(tmp_path_factory):
    """A kernel that is reached over TCP with tokens; its tests leave it as it is."""
    with serving(tmp_path_factory.mktemp("tcp"), tcp="127.0.0.1:0") as served:
        yield served


@pytest.fixture(params=["socket", "url"])
def given(reached, request):
    """How a client is told where to go."""
    if request.param == "socket":
        return {"socket": reached.path}
    token = reached.bearer("admin").removeprefix("Bearer ")
    return {"url": f"http://{reached.server.address}", "token": token}


def test_a_client_does_what_an_operator_does(reached, given):
    client = Client(**given)
    task = client.submit("shout", {"text": "hi"}, wait=30)
    assert (task.state, task.result) == ("succeeded", "HI")
    assert client.task(task.id).run == task.run
    assert client.run(task.run).state == "succeeded"
    assert task.id in {one.id for one in client.tasks(agent="shout")}
    assert task.run in {one.id for one in client.runs(agent="shout", state="succeeded")}
    assert client.retry(task.id, wait=30).result == "HI"
    waits = client.submit("patient")
    assert client.cancel(waits.id)
    assert client.wait(waits.id).state == "cancelled"
    assert client.status().name == "main"
    assert "shout" in {one.name for one in client.agents()}
    assert client.agent("shout").name == "shout"
    assert client.invoke("echo.say", {"text": "hi"})
    assert {"echo"} <= {one.name for one in client.plugins()}
    assert client.approvals() == []
    seen = [
        event.type for event in client.events({"run": task.run, "from": "start", "follow": False})
    ]
    assert (seen[0], seen[-1]) == ("run.started", "run.succeeded")
    with pytest.raises(NotFound):
        client.task("t-none")


def test_an_async_client_does_not_block_its_loop(reached, given):
    async def program():
        async with AsyncClient(**given) as client:
            tasks = await asyncio.gather(
                *[client.submit("shout", {"text": str(n)}, wait=30) for n in range(8)]
            )
            assert [task.result for task in tasks] == [str(n) for n in range(8)]
            first = tasks[0]
            types = [
                event.type
                async for event in client.events(
                    {"run": first.run, "from": first.cursor + 1, "follow": False}
                )
            ]
            assert types[-1] == "run.succeeded"
            with pytest.raises(NotFound):
                await client.run("r-none")

    asyncio.run(asyncio.wait_for(program(), 60))
    for thread in threading.enumerate():
        if thread.name.startswith("retinue-client"):
            thread.join(30)
            assert not thread.is_alive()


def test_a_stream_that_is_given_up_ends_at_once(reached, given):
    async def program():
        async with AsyncClient(**given) as client:
            seen = asyncio.get_running_loop().create_future()

            async def follow():
                async for event in client.events({"from": "start"}):
                    if event.type == "run.succeeded" and not seen.done():
                        seen.set_result(event.seq)

            following = asyncio.create_task(follow())
            assert await seen
            following.cancel()
            with pytest.raises(asyncio.CancelledError):
                await following
            assert (await client.status()).state == "running"

    reached.talk()
    asyncio.run(asyncio.wait_for(program(), 60))


def test_a_token_that_does_not_count_is_denied_and_shown_nowhere(reached):
    client = Client(url=f"http://{reached.server.address}", token="rtn_wrong")
    with pytest.raises(Denied) as denied:
        client.status()
    assert "rtn_wrong" not in str(denied.value) + repr(client)


def test_a_viewer_is_told_what_it_would_take(reached):
    token = reached.bearer("viewer").removeprefix("Bearer ")
    client = Client(url=f"http://{reached.server.address}", token=token)
    with pytest.raises(Denied, match="is viewer, and this takes operator"):
        client.submit("shout", {"text": "hi"})


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "socket's path, or a url"),
        ({"socket": "/s", "url": "http://localhost:1"}, "socket's path, or a url"),
        ({"url": "ftp://localhost:1"}, "http://HOST:PORT"),
        ({"url": "http://retinue.example:80", "token": "rtn_x"}, "in clear"),
    ],
)
def test_a_client_that_cannot_work_is_refused_when_it_is_made(given, word):
    with pytest.raises(InvalidInput, match=word) as refused:
        Client(**given)
    assert "rtn_x" not in str(refused.value)


def test_a_daemon_that_is_away_or_hangs_is_told_apart(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DeadlineExceeded, match="did not answer in time"):
            Client(url=url, timeout=0.05).status()
    with pytest.raises(Unavailable, match="cannot be reached"):
        Client(url=url).status()
    with pytest.raises(Unavailable, match="no daemon runs"):
        Client(tmp_path / "s").status()


@pytest.mark.parametrize("whole", [True, False])
def test_a_stream_that_was_cut_is_no_end(whole):
    event = b'{"specversion":"1.0","id":"e-1","source":"retinue:main","type":"run.started",'
    event += b'"time":"2026-01-01T00:00:00.000Z","sequence":"1","previous":"0","data":{}}\n'

    def answer(server):
        with server.accept()[0] as connection:
            connection.recv(65536)
            head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            end = b"0\r\n\r\n" if whole else b""
            connection.sendall(head + b"%x\r\n%b\r\n" % (len(event), event) + end)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        client = Client(url=f"http://127.0.0.1:{server.getsockname()[1]}")
        events = client.events({"from": "start"})
        assert next(events).type == "run.started"
        with pytest.raises(StopIteration if whole else Unavailable):
            next(events)

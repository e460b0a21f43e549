"""Calls of tools that are followed: what they say, their one end, and clients that go away."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from contextlib import aclosing

import pytest

from retinue.bus.errors import Denied, InvalidInput, ToolError, UnknownTool
from retinue.kernel.client import (
    AsyncClient,
    CallBegun,
    CallChunk,
    CallProgress,
    CallResult,
    Client,
)
from retinue.plugins import Plugin, tool

from .conftest import Sent, _Unix, serving

EVENTS = {"Accept": "text/event-stream"}


class Gate:
    """Where a call waits until the test lets it on."""

    def __init__(self):
        self.left = threading.Event()
        self._opened = threading.Event()
        self._waiting = []

    def open(self):
        self._opened.set()
        for loop, event in self._waiting:
            loop.call_soon_threadsafe(event.set)

    async def wait(self):
        event = asyncio.Event()
        self._waiting.append((asyncio.get_running_loop(), event))
        try:
            if not self._opened.is_set():
                await event.wait()
        finally:
            self.left.set()


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def lab(tmp_path, gate):
    """A kernel with tools that say something before their end, reached over both ways."""

    @tool
    async def count(ctx, upto: int):
        for number in range(1, upto + 1):
            ctx.progress(number, upto, f"at {number}")
            ctx.stream({"number": number, "text": "one\r\ntwo"})
        return {"counted": upto}

    @tool
    async def wait(ctx):
        ctx.stream("waiting")
        await gate.wait()
        ctx.stream("on")
        return "done"

    @tool
    async def broken():
        raise ValueError("out of paper")

    plugin = Plugin("lab", "1", tools=[count, wait, broken])
    with serving(tmp_path, tcp="127.0.0.1:0", plugins=[plugin]) as served:
        yield served


def test_a_call_that_is_followed_says_all_in_order_and_ends_with_its_result(lab):
    with _followed(lab, "lab.count", {"upto": 3}) as sent:
        blocks = [block for block in sent.blocks() if "event" in block]
        assert sent.response.getheader("content-type") == "text/event-stream; charset=utf-8"
        call = json.loads(blocks[0]["data"])
        assert sent.response.getheader("retinue-call") == call["id"]
    assert [block["event"] for block in blocks] == [
        "call", *["progress", "chunk"] * 3, "result"
    ]  # fmt: skip
    chunk, progress, result = (json.loads(blocks[at]["data"]) for at in (2, 1, -1))
    assert chunk == {"value": {"number": 1, "text": "one\r\ntwo"}}
    assert progress == {"done": 1.0, "total": 3.0, "note": "at 1"}
    assert result == {"tool": "lab.count", "result": {"counted": 3}}
    numbers = [int(block["id"]) for block in blocks if "id" in block]
    assert numbers == [e.seq for e in lab.events(type="tool.*") if e.type in _SAID]


def test_a_thousand_pieces_come_each_once_and_before_the_result(lab):
    events = list(lab.client.invoke_stream("lab.count", {"upto": 1000}))
    assert [e.value["number"] for e in events if isinstance(e, CallChunk)] == [*range(1, 1001)]
    assert isinstance(events[-1], CallResult)


def test_without_the_header_the_answer_is_json_as_ever(lab):
    assert lab.client.invoke("lab.count", {"upto": 2}) == {"counted": 2}


@pytest.mark.parametrize(
    ("name", "args", "kind", "status"),
    [
        ("lab.broken", {}, "ToolError", 502),
        ("lab.none", {}, "UnknownTool", 404),
        ("lab.count", {"upto": "many"}, "InvalidInput", 400),
    ],
)
def test_what_goes_wrong_is_the_one_last_event(lab, name, args, kind, status):
    with _followed(lab, name, args) as sent:
        events = [block for block in sent.blocks() if "event" in block]
    assert [block["event"] for block in events] == ["call", "error"]
    problem = json.loads(events[-1]["data"])
    assert (problem["title"], problem["status"]) == (kind, status)


@pytest.mark.parametrize(
    ("name", "args", "error"),
    [
        ("lab.broken", {}, ToolError),
        ("lab.none", {}, UnknownTool),
        ("lab.count", {"upto": "many"}, InvalidInput),
    ],
)
def test_a_client_raises_what_the_call_does(lab, name, args, error):
    with pytest.raises(error):
        list(lab.client.invoke_stream(name, args))


def test_a_request_that_is_wrong_is_a_plain_problem(lab):
    connection = _Unix(lab.path)
    connection.request("POST", "/v1/tools/lab.count/invoke", b'{"arg": 1}', EVENTS)
    answer = connection.getresponse()
    assert (answer.status, json.load(answer)["title"]) == (400, "InvalidInput")
    connection.close()


def test_a_client_that_goes_away_leaves_the_call_going_and_another_reads_on(lab, gate, wait_until):
    stream = lab.client.invoke_stream("lab.wait")
    begun, chunk = next(stream), next(stream)
    assert (begun.tool, chunk.value) == ("lab.wait", "waiting")
    stream.close()
    wait_until(lambda: not lab.hub.clients)
    lab.client.invoke("lab.count", {"upto": 1})  # a cancel would have come before it
    assert not gate.left.is_set()
    assert begun.follow == f"/v1/events?cause={begun.id}&from={chunk.seq - 1}"
    again = lab.client.events({"cause": begun.id, "from": chunk.seq + 1})
    gate.open()
    said, returned = next(again), next(again)
    again.close()
    assert (said.type, said.data["value"]) == ("tool.output", "on")
    assert (returned.type, returned.data["result"]) == ("tool.returned", "done")


def test_a_call_that_was_to_end_with_its_client_does(lab, gate):
    stream = lab.client.invoke_stream("lab.wait", cancel_on_disconnect=True)
    begun, _ = next(stream), next(stream)
    stream.close()
    assert gate.left.wait(30)
    events = lab.client.events({"cause": begun.id, "from": "start"})
    returned = next(event for event in events if event.type == "tool.returned")
    events.close()
    assert not returned.data["ok"]


def test_a_call_that_ended_is_not_cancelled_by_its_client_leaving(lab):
    events = list(lab.client.invoke_stream("lab.count", {"upto": 1}, cancel_on_disconnect=True))
    assert events[-1].result == {"counted": 1}
    assert [e.data["ok"] for e in lab.events(type="tool.returned")] == [True]


def test_events_of_other_calls_are_in_neither(lab, gate):
    stream = lab.client.invoke_stream("lab.wait")
    begun, _ = next(stream), next(stream)
    lab.client.invoke("lab.count", {"upto": 2})
    gate.open()
    assert [type(e) for e in stream] == [CallChunk, CallResult]
    caused = lab.events(cause=begun.id)
    assert [e.type for e in caused] == [
        "tool.called", "tool.output", "tool.output", "tool.returned"
    ]  # fmt: skip


def test_the_wait_for_a_result_is_bounded_and_told(lab):
    with _followed(lab, "lab.wait", {}, timeout=0.1) as sent:
        last = [block for block in sent.blocks() if "event" in block][-1]
    assert (last["event"], json.loads(last["data"])["status"]) == ("error", 504)


def test_a_key_gives_the_first_result_again_and_nothing_is_called_twice(lab):
    ends = []
    for _ in range(2):
        with _followed(lab, "lab.count", {"upto": 2}, Idempotency_Key="k") as sent:
            blocks = [block for block in sent.blocks() if "event" in block]
            ends.append((sent.response.getheader("retinue-call"), blocks[-1]))
    assert ends[0] == ends[1]
    assert [block["event"] for block in blocks] == ["call", "result"]
    assert len(lab.events(type="tool.called")) == 1


def test_a_token_that_is_revoked_ends_the_stream_and_not_the_call(lab, gate):
    secret = lab.tokens.create("passing", "operator")
    client = Client(url=f"http://{lab.server.address}", token=secret)
    stream = client.invoke_stream("lab.wait")
    begun, _ = next(stream), next(stream)
    lab.tokens.revoke("passing")
    with pytest.raises(Denied, match="expired or was revoked"):
        next(stream)
    assert not gate.left.is_set()
    gate.open()
    events = lab.client.events({"cause": begun.id, "from": "start"})
    assert next(e for e in events if e.type == "tool.returned").data["ok"]
    events.close()


def test_a_viewer_follows_no_call(lab):
    token = lab.bearer("viewer").removeprefix("Bearer ")
    client = Client(url=f"http://{lab.server.address}", token=token)
    with pytest.raises(Denied, match="takes operator"):
        next(client.invoke_stream("lab.count", {"upto": 1}))


def test_the_daemon_says_so_when_it_stops_in_the_middle(lab):
    with _followed(lab, "lab.wait", {}) as sent:
        blocks = sent.blocks()
        next(block for block in blocks if block.get("event") == "chunk")
        lab.server.close(0)
        last = list(blocks)[-1]
    assert (last["event"], json.loads(last["data"])["title"]) == ("error", "KernelClosed")


def test_an_async_client_follows_and_lets_go(lab, gate):
    async def program():
        async with AsyncClient(lab.path) as client:
            seen = [event async for event in client.invoke_stream("lab.count", {"upto": 2})]
            kinds = [CallBegun, CallProgress, CallChunk, CallProgress, CallChunk, CallResult]
            assert [type(event) for event in seen] == kinds
            async with aclosing(
                client.invoke_stream("lab.wait", cancel_on_disconnect=True)
            ) as stream:
                async for event in stream:
                    if isinstance(event, CallChunk):
                        break

    asyncio.run(asyncio.wait_for(program(), 60))
    assert gate.left.wait(30)


_SAID = ("tool.progress", "tool.output")


class _Posted(Sent):
    def __init__(self, served, path, body, headers):
        self._connection = _Unix(served.path)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request("POST", path, json.dumps(body), {**EVENTS, **named})
        self.response: http.client.HTTPResponse = self._connection.getresponse()
        self.last_id = ""


def _followed(served, name, args, timeout=30.0, **headers):
    body = {"args": args, "timeout": timeout}
    return _Posted(served, f"/v1/tools/{name}/invoke", body, headers)

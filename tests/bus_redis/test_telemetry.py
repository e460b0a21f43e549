"""Telemetry from programs that are not agents: it reaches the channel, and harms nobody."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import subprocess
import sys
import threading

import pytest
import redis

from retinue.bus.redis import telemetry as module
from retinue.bus.redis.dialects.inbound import read_log
from retinue.bus.redis.private import PrivateServer
from retinue.bus.redis.telemetry import Telemetry


@pytest.fixture
def channel(kernel):
    return f"logs:{kernel}"


@pytest.fixture
def heard(client, channel):
    """A function that gives the next message of the channel."""
    pubsub = client.pubsub()
    pubsub.subscribe(channel)
    assert pubsub.get_message(timeout=5)["type"] == "subscribe"

    def next_one():
        while True:
            message = pubsub.get_message(timeout=10)
            assert message is not None
            if message["type"] == "message":
                read_log(message["data"])
                return json.loads(message["data"])

    yield next_one
    pubsub.close()


@pytest.fixture
def telemetry(server, channel):
    telemetry = Telemetry(server.url, channel)
    yield telemetry
    telemetry.close()


def test_a_thought_has_the_fields_of_the_dialect(telemetry, heard):
    telemetry.log("run-7", "crawler", "three pages are new")
    told = heard()
    assert told.pop("timestamp").endswith("Z")
    assert told == {
        "run_id": "run-7",
        "agent_id": "crawler",
        "category": "THOUGHT",
        "message": "three pages are new",
        "metadata": "PLANNING",
    }


def test_a_call_is_told_when_it_begins_and_when_it_ends(telemetry, heard):
    with telemetry.tool_call("run-7", "crawler", "fetch", {"url": "u" * 60}) as call:
        began = heard()
        call.returned({"status": 200})
    ended = heard()
    assert (began["category"], began["metadata"]) == ("TOOL_CALL", "IO_REQ")
    assert (began["tool_name"], began["args"]) == ("fetch", {"url": "u" * 60})
    assert began["message"] == 'fetch({"url":"' + "u" * 42 + ")"
    assert (ended["category"], ended["metadata"]) == ("TOOL_RESULT", "IO_OK")
    assert (ended["tool_name"], ended["message"]) == ("fetch", '{"status":200}')
    assert ended["duration_ms"] >= 0


def test_a_call_that_fails_says_so_and_its_error_goes_on(telemetry, heard):
    with (
        pytest.raises(ValueError, match="no such page"),
        telemetry.tool_call("run-7", "crawler", "fetch"),
    ):
        raise ValueError("no such page")
    heard()
    ended = heard()
    assert (ended["metadata"], ended["message"]) == ("IO_ERR", "ValueError: no such page")


def test_a_call_that_gives_nothing_back_is_complete(telemetry, heard):
    with telemetry.tool_call("run-7", "crawler", "wait"):
        pass
    heard()
    assert heard()["message"] == "Operation complete."


class Hostile:
    def __repr__(self):
        raise RuntimeError("no")

    __str__ = __repr__


class Circle(dict):
    def items(self):
        raise RuntimeError("no")


CIRCLE: dict = {}
CIRCLE["self"] = CIRCLE


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"x": Hostile()}, {"x": "<Hostile>"}),
        ({"x": math.nan, "y": math.inf}, {"x": None, "y": None}),
        ({"x": "\ud800"}, {"x": "?"}),
        ({"x": 2**70}, {"x": "<71 bits>"}),
        ({"x": b"raw", "y": (1, 2)}, {"x": "<bytes>", "y": [1, 2]}),
        ({1: {None: 2}}, {"<int>": {"<NoneType>": 2}}),
        (Circle(a=1), {"a": 1}),
        (CIRCLE, {"omitted": "there is too much of it to be sent"}),
        ({"x": "y" * 100_000}, {"omitted": "there is too much of it to be sent"}),
        ([1, 2], {"value": [1, 2]}),
        (Hostile(), {"value": "<Hostile>"}),
    ],
)
def test_arguments_of_any_kind_are_sent_as_far_as_they_can_be(telemetry, heard, args, told):
    with telemetry.tool_call("run-7", "crawler", "fetch", args) as call:
        call.returned(args)
    assert heard()["args"] == told
    heard()


def test_what_cannot_be_noted_is_counted_and_raises_nothing(telemetry):
    telemetry.log("run-7", "crawler", "x", duration_ms=Hostile())
    with telemetry.tool_call("run-7", "crawler", "t"):
        pass
    telemetry.log("run-7", "crawler", "x", "THOUGHT", Hostile())
    assert telemetry.flush(10)
    said = telemetry.statistics()
    assert (said.sent, said.dropped) == (2, 2)


def test_an_error_whose_text_cannot_be_had_is_named(telemetry, heard):
    class Odd(Exception):
        __str__ = Hostile.__repr__

    with pytest.raises(Odd), telemetry.tool_call("run-7", "crawler", "t"):
        raise Odd
    heard()
    assert heard()["message"] == "Odd"


def test_with_redis_away_the_oldest_are_dropped_and_counted(own_server, channel):
    url = own_server.url
    own_server.stop()
    telemetry = Telemetry(url, channel, buffer=10)
    for n in range(1_000):
        telemetry.log("run-7", "crawler", str(n))
    said = telemetry.statistics()
    assert said.sent == 0
    assert said.waiting <= 10 + 128  # the buffer, and a batch on its way
    assert said.sent + said.dropped + said.waiting == 1_000
    telemetry.close(0.0)


def test_after_redis_is_back_telemetry_goes_on(binary, channel, wait_until):
    server = PrivateServer(binary)
    server.start()
    telemetry = Telemetry(server.url, channel)
    telemetry.log("run-7", "crawler", "before")
    assert telemetry.flush(10)
    killed = server.pid
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: server.pid not in (None, killed))
    wait_until(lambda: _is_through(telemetry))
    telemetry.close()
    server.stop()


def _is_through(telemetry):
    sent = telemetry.statistics().sent
    telemetry.log("run-7", "crawler", "after")
    return telemetry.flush(0.5) and telemetry.statistics().sent > sent


def test_a_redis_that_does_not_answer_holds_nobody_up(own_server, channel):
    telemetry = Telemetry(own_server.url, channel)
    os.kill(own_server.pid, signal.SIGSTOP)
    try:
        for n in range(5_000):
            telemetry.log("run-7", "crawler", str(n))
        said = telemetry.statistics()
        assert said.sent == 0
        assert said.dropped + said.waiting == 5_000
        telemetry.close(0.0)
    finally:
        os.kill(own_server.pid, signal.SIGCONT)


def test_a_redis_that_refuses_is_named_in_the_trouble(own_server, channel, wait_until):
    admin = redis.Redis.from_url(own_server.url)
    admin.execute_command("ACL", "SETUSER", "default", "resetchannels")
    telemetry = Telemetry(own_server.url, channel)
    telemetry.log("run-7", "crawler", "x")
    wait_until(lambda: telemetry.statistics().dropped == 1)
    assert "permissions" in telemetry.statistics().trouble
    telemetry.close()
    admin.close()


def test_nowhere_to_publish_is_no_error(channel):
    telemetry = Telemetry("", channel)
    telemetry.log("run-7", "crawler", "x")
    assert telemetry.statistics() == module.Statistics(0, 1, 0, "no URL was given")
    wrong = Telemetry("ftp://x", channel)
    wrong.log("run-7", "crawler", "x")
    assert wrong.flush(10)
    assert wrong.statistics().dropped == 1


def test_many_threads_note_at_once_and_each_message_is_accounted_for(server, channel):
    telemetry = Telemetry(server.url, channel)

    def note():
        for n in range(500):
            telemetry.log("run-7", "crawler", str(n))

    threads = [threading.Thread(target=note) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert telemetry.flush(20)
    said = telemetry.statistics()
    assert said.sent + said.dropped == 2_000
    telemetry.close()


def test_a_child_after_a_fork_sends_its_own_and_nothing_twice(server, channel, heard):
    program = f"""
import os
from retinue.bus.redis.telemetry import Telemetry
telemetry = Telemetry({server.url!r}, {channel!r})
telemetry.log("run-7", "parent", "first")
assert telemetry.flush(10)
child = os.fork()
telemetry.log("run-7", "child" if child == 0 else "parent", "second")
assert telemetry.flush(10)
assert telemetry.statistics().sent == (1 if child == 0 else 2)
if child:
    _, status = os.waitpid(child, 0)
    assert status == 0
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    told = sorted((one["agent_id"], one["message"]) for one in (heard(), heard(), heard()))
    assert told == [("child", "second"), ("parent", "first"), ("parent", "second")]


def test_the_end_of_the_program_sends_what_is_left(server, channel, heard):
    program = f"""
from retinue.bus.redis import telemetry
telemetry.publish_to({server.url!r}, {channel!r})
telemetry.log("run-7", "brief", "last words")
telemetry._default.telemetry.flush(10)
telemetry.log("run-7", "brief", "the very last")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert [heard()["message"], heard()["message"]] == ["last words", "the very last"]


def test_importing_it_brings_little_and_redis_comes_only_with_the_first_message():
    program = """
import sys
before = set(sys.modules)
import retinue.bus.redis.telemetry
brought = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(brought - set(sys.stdlib_module_names)))
"""
    found = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=60, capture_output=True, text=True
    )
    assert set(found.stdout.split()) <= {"msgspec", "retinue", "typing_extensions"}


def test_the_functions_of_the_module_publish_where_the_environment_says(server):
    program = """
from retinue.bus.redis import telemetry
telemetry.log("run-7", "crawler", "x", "TOOL_CALL", tool_name="t", args={"a": 1})
with telemetry.tool_call("run-7", "crawler", "t"):
    pass
assert telemetry._default.get().flush(10)
print(telemetry.statistics().sent)
telemetry.close()
"""
    found = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
        env={**os.environ, "RETINUE_TELEMETRY_REDIS": server.url},
    )
    assert found.stdout.strip() == "3"


def test_it_works_in_a_running_loop(telemetry, heard):
    async def work():
        with telemetry.tool_call("run-7", "crawler", "t") as call:
            await asyncio.sleep(0)
            call.returned("done")

    asyncio.run(work())
    assert [heard()["category"], heard()["message"]] == ["TOOL_CALL", "done"]


def test_no_password_is_shown(channel):
    assert "hunter2" not in repr(Telemetry("redis://:hunter2@localhost:1", channel))

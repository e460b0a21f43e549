"""``retinue mcp serve``: a daemon's tools and agents, to clients of MCP."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from retinue.bus.views import TaskView
from retinue.kernel.client import Client

HERE = Path(__file__).parent
RETINUE = [sys.executable, "-P", "-c", "from retinue.kernel.cli import main; main()"]
AGENTS = """
import asyncio

async def counter(ctx, upto: int) -> int:
    for number in range(1, upto + 1):
        ctx.progress(number, upto, f"number {number}")
    return upto

async def failing(ctx) -> None:
    raise ValueError("as it was meant to")

async def waiting(ctx) -> None:
    ctx.progress(1, 2, "waiting")
    await asyncio.Event().wait()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a daemon that runs."""
    place = tmp_path_factory.mktemp("daemon")
    command = [*RETINUE, "run", "--json", "--state-dir", str(place), "--redis", "none"]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert daemon.stdout.readline()
    (place / "agents.py").write_text(AGENTS)
    client = Client(place / "retinue.sock")
    for name in ("counter", "failing", "waiting"):
        body = {"name": name, "agent": f"{place}/agents.py:{name}"}
        client.post("/v1/agents", dict, body)
    yield place
    daemon.terminate()
    daemon.wait(timeout=30)
    daemon.stdout.close()


@pytest.fixture
def serve(folder):
    """``serve(*options)``: the command that serves the daemon."""
    return lambda *options: [*RETINUE, "mcp", "serve", "--state-dir", str(folder), *options]


@pytest.fixture
def talk(serve):
    """``talk(*messages, options=())``: the answers to these messages, by id."""

    def exchange(*messages, options=(), wanted=None):
        bridge = subprocess.Popen(
            serve(*options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for message in messages:
            line = message if isinstance(message, str) else json.dumps(message)
            bridge.stdin.write(line + "\n")
        bridge.stdin.flush()
        heard = {}
        for _ in range(len(messages) if wanted is None else wanted):
            answer = json.loads(bridge.stdout.readline())
            heard[answer.get("id")] = answer
        bridge.stdin.close()
        assert bridge.wait(timeout=30) == 0
        bridge.stdout.close()
        return heard

    return exchange


@pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28")])
def test_the_official_client_uses_tools_and_agents(
    official, serve, folder, wait_until, mode, version
):
    client = Client(folder / "retinue.sock")
    query = {"agent": "waiting", "limit": 1}
    done = subprocess.run(
        [official, HERE / "client.py", mode, *serve()],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout)
    assert seen["version"] == version
    assert {"clock_now", "echo_say", "ask_counter", "ask_echo"} <= set(seen["tools"])
    assert seen["said"] == "hello"
    assert seen["counted"] == "3"
    assert seen["progress"] == [[n, 3.0, f"number {n}"] for n in (1, 2, 3)]
    assert seen["failed"] == [True, "ValueError: as it was meant to"]
    wait_until(lambda: client.get("/v1/tasks", list[TaskView], query)[0].state == "cancelled")


def test_only_what_the_operator_names_is_offered(talk):
    heard = talk(
        initialize(),
        request(2, "tools/list"),
        request(3, "tools/call", name="clock_now", arguments={}),
        options=["--tools", "echo.*", "--agents", "nobody"],
    )
    assert [tool["name"] for tool in heard[2]["result"]["tools"]] == ["echo_say"]
    assert heard[3]["error"]["message"] == "no tool is named 'clock_now'"


@pytest.fixture
def waiting(serve, folder, wait_until):
    """A client whose call number 2 is under way, and the task that it is."""
    client = Client(folder / "retinue.sock")
    bridge = subprocess.Popen(serve(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    send(bridge, initialize(), request(2, "tools/call", name="ask_waiting", arguments={}))
    query = {"agent": "waiting", "limit": 1, "state": "running"}
    wait_until(lambda: client.get("/v1/tasks", list[TaskView], query))
    (task,) = client.get("/v1/tasks", list[TaskView], query)
    yield bridge, lambda: client.get(f"/v1/tasks/{task.id}", TaskView).state
    bridge.kill()
    bridge.wait(timeout=30)
    bridge.stdin.close()
    bridge.stdout.close()


def send(bridge, *messages):
    for message in messages:
        bridge.stdin.write(json.dumps(message) + "\n")
    bridge.stdin.flush()


def test_a_client_that_goes_away_takes_its_calls_with_it(waiting, wait_until):
    bridge, state = waiting
    bridge.stdin.close()
    assert bridge.wait(timeout=30) == 0
    wait_until(lambda: state() == "cancelled")


def test_a_cancel_of_a_client_s_reaches_the_task(waiting, wait_until):
    bridge, state = waiting
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}}
    send(bridge, cancel)
    wait_until(lambda: state() == "cancelled")
    send(bridge, request(3, "ping"))
    answers = [json.loads(bridge.stdout.readline())["id"] for _ in range(2)]
    assert answers == [1, 3]


def test_a_client_is_told_when_there_are_other_tools(serve, folder):
    client = Client(folder / "retinue.sock")
    bridge = subprocess.Popen(serve(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    bridge.stdin.write(json.dumps(initialize()) + "\n")
    bridge.stdin.flush()
    assert json.loads(bridge.stdout.readline())["id"] == 1
    body = {"name": "newcomer", "agent": f"{folder}/agents.py:counter"}
    client.post("/v1/agents", dict, body)
    told = json.loads(bridge.stdout.readline())
    assert told["method"] == "notifications/tools/list_changed"
    bridge.stdin.close()
    assert bridge.wait(timeout=30) == 0
    bridge.stdout.close()


def test_what_is_no_message_is_answered_as_such(talk):
    heard = talk("hello", initialize(), request(2, "tools/walk"))
    assert heard[None]["error"]["code"] == -32700
    assert heard[2]["error"]["message"] == "there is no tools/walk"


def test_a_request_before_the_beginning_is_refused(talk):
    assert talk(request(1, "tools/list"))[1]["error"]["code"] == -32600


def test_an_unknown_version_is_answered_with_those_that_are_known(talk):
    meta = {"io.modelcontextprotocol/protocolVersion": "3000-01-01"}
    error = talk(request(1, "tools/list", _meta=meta))[1]["error"]
    assert (error["code"], error["data"]["supported"][0]) == (-32022, "2026-07-28")


def test_without_a_daemon_it_says_so(tmp_path):
    command = [*RETINUE, "mcp", "serve", "--state-dir", str(tmp_path)]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 69
    assert "no daemon runs in" in done.stderr


def initialize():
    about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {}}
    return request(1, "initialize", **about)


def request(number, method, **params):
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}

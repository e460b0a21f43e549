"""Agents in processes of their own, through a whole kernel."""

from __future__ import annotations

import os
import signal

import msgspec
import pytest

from retinue.bus.errors import InvalidInput, TaskCancelled, TaskFailed
from retinue.bus.journal import Filter
from retinue.kernel import Config, Kernel
from retinue.kernel.config import SandboxConfig
from retinue.plugins import AgentSpec
from retinue.plugins.sandbox.given import Layer
from retinue.plugins.sandbox.probe import probe

AGENTS = """
import ctypes, os, sys
from retinue.plugins import agent

@agent(isolation="process", tools=["echo.say"])
async def asks(ctx, text: str) -> list:
    ctx.thought("over there")
    ctx.text("a")
    ctx.state["n"] = ctx.state.get("n", 0) + 1
    said = await ctx.call("echo.say", text=text)
    back = await ctx.ask("echo", told=said)
    return [os.getpid(), said, back, ctx.state["n"]]

@agent(isolation="process")
def spins(ctx) -> None:
    ctx.thought("spinning")
    while True:
        pass

@agent(isolation="process")
def leaves(ctx) -> None:
    os._exit(7)

@agent(isolation="process")
def crashes(ctx) -> None:
    ctypes.string_at(0)
"""

READS = """
from pathlib import Path
from retinue.plugins import agent

@agent(isolation="process")
def reads(ctx, path: str) -> str:
    return Path(path).read_text()
"""


@pytest.fixture(scope="module")
def given():
    return probe()


@pytest.fixture
def agents(tmp_path):
    (tmp_path / "team.py").write_text(AGENTS)
    return lambda name: AgentSpec.load(f"{tmp_path}/team.py:{name}")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_agent_in_a_process_uses_tools_agents_and_state_as_any_other(kernel, agents):
    kernel.spawn("asks", agents("asks"))
    task = kernel.submit("asks", {"text": "hi"})
    pid, said, back, count = task.result(timeout=30)
    assert pid != os.getpid()
    assert (said, back, count) == ("hi", {"told": "hi"}, 1)
    types = [e.type for e in task.events(timeout=5) if e.type.startswith(("agent.t", "tool."))]
    assert types == ["agent.thought", "agent.text", "tool.called", "tool.returned"]
    assert kernel.submit("asks", {"text": "hi"}).result(timeout=30)[3] == 2


def test_a_cancel_kills_an_agent_that_loops_in_its_process(kernel, agents):
    kernel.spawn("spins", agents("spins"))
    task = kernel.submit("spins")
    for event in task.events(timeout=30):
        if event.type == "agent.thought":
            break
    task.cancel("enough")
    with pytest.raises(TaskCancelled, match="enough"):
        task.result(timeout=30)


@pytest.mark.parametrize(("name", "says"), [("leaves", "7"), ("crashes", "SIGSEGV")])
def test_a_process_that_dies_fails_its_task_and_the_next_turn_gets_a_fresh_one(
    kernel, agents, name, says
):
    kernel.spawn(name, agents(name))
    kernel.spawn("asks", agents("asks"))
    for _ in range(2):
        with pytest.raises(TaskFailed, match=says) as failed:
            kernel.submit(name).result(timeout=30)
        assert failed.value.kind == "ProcessDied"
    assert kernel.submit("asks", {"text": "hi"}).result(timeout=30)[1] == "hi"


def test_a_process_that_is_killed_from_outside_is_replaced(kernel, agents):
    kernel.spawn("asks", agents("asks"))
    first = kernel.submit("asks", {"text": "hi"}).result(timeout=30)[0]
    os.kill(first, signal.SIGKILL)
    second = kernel.submit("asks", {"text": "hi"}, attempts=2).result(timeout=30)[0]
    assert second != first


def test_closing_the_kernel_leaves_no_process(agents, wait_until):
    with Kernel() as kernel:
        kernel.spawn("asks", agents("asks"))
        pid = kernel.submit("asks", {"text": "hi"}).result(timeout=30)[0]
        assert alive(pid)
    wait_until(lambda: not alive(pid))


def test_code_that_a_process_could_not_find_is_refused_at_once(kernel):
    async def local(ctx) -> None:
        return None

    with pytest.raises(InvalidInput, match="top level of a module"):
        kernel.spawn("local", local, isolation="process")


def test_the_walls_of_an_agents_process_are_in_its_record(kernel, agents):
    view = kernel.spawn("asks", agents("asks"))
    assert (view.level, view.permissions) == ("standard", ())
    kernel.spawn("thread", AgentSpec.of(agents("leaves"), isolation="thread"))
    assert kernel.agent("thread").level == ""


def test_lower_walls_for_trusted_agents_are_said_at_the_start(agents, tmp_path):
    (tmp_path / "open.txt").write_text("readable")
    (tmp_path / "reading.py").write_text(READS)
    config = Config(sandbox=SandboxConfig(agents="limits"))
    with Kernel(config=config) as kernel:
        kernel.spawn("reads", AgentSpec.load(f"{tmp_path}/reading.py:reads"))
        assert kernel.agent("reads").level == "limits"
        task = kernel.submit("reads", {"path": str(tmp_path / "open.txt")})
        assert task.result(timeout=30) == "readable"
        told = kernel.events(only=Filter(types=("security.degraded",)))
        degraded = next(event for event in told if event is not None)
    assert (degraded.agent, degraded.data["plugin"]) == ("reads", "")
    assert (degraded.data["level"], degraded.data["wanted"]) == ("limits", "standard")


def test_where_a_wall_is_missing_an_agent_is_refused_when_it_is_spawned(kernel, agents, given):
    hosts = kernel._tree.hosted.hosts
    missing = Layer(there=False, detail="switched off", remedy="switch it on")
    hosts._given = msgspec.structs.replace(given, seccomp=missing)
    with pytest.raises(InvalidInput, match="seccomp: switched off, switch it on"):
        kernel.spawn("asks", agents("asks"))
    assert kernel.agents() == [view for view in kernel.agents() if view.name != "asks"]

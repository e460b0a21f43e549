"""Agents in processes of their own, through a whole kernel."""

from __future__ import annotations

import os
import signal

import pytest

from retinue.bus.errors import InvalidInput, TaskCancelled, TaskFailed
from retinue.kernel import Kernel
from retinue.plugins import AgentSpec

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

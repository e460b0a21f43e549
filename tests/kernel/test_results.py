"""No result is larger than ``limits.result_bytes``, whoever gives it and wherever it runs."""

from __future__ import annotations

from collections import Counter

import pytest

from retinue.bus.errors import ResultTooLarge, TaskFailed
from retinue.bus.journal import Filter
from retinue.kernel import Config, Kernel
from retinue.kernel.config import LimitsConfig
from retinue.kernel.replay import replay_events
from retinue.plugins import AgentSpec, Plugin, agent, tool

BOUND = 2048
AGENTS = """
from retinue.plugins import agent

async def _shared(ctx, size: int) -> str:
    ctx.state["size"] = size
    return "x" * (size - 2)

def _blocking(ctx, size: int) -> str:
    ctx.state["size"] = size
    return "x" * (size - 2)

shared = agent(_shared, name="shared")
thread = agent(_blocking, name="thread")
process = agent(_blocking, name="process", isolation="process")
"""
calls: Counter[str] = Counter()


@tool
async def fill(size: int) -> str:
    """A text whose JSON has so many bytes."""
    return "x" * (size - 2)


@tool(effect="once")
async def pay(size: int) -> str:
    """Take money, and say so at length."""
    calls["pay"] += 1
    return "x" * (size - 2)


@agent(tools=["filling.fill"])
async def asks(ctx, size: int) -> str:
    try:
        return await ctx.call("filling.fill", size=size)
    except ResultTooLarge as error:
        return str(error)


@agent(tools=["filling.pay"], attempts=3)
async def pays(ctx, size: int) -> str:
    return await ctx.call("filling.pay", size=size)


FILLING = Plugin("filling", "1.0", tools=[fill, pay])


@pytest.fixture
def kernel():
    bounded = Config(limits=LimitsConfig(result_bytes=BOUND))
    with Kernel(config=bounded, plugins=[FILLING]) as started:
        yield started


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "givers.py").write_text(AGENTS)
    return lambda name: AgentSpec.load(f"{tmp_path}/givers.py:{name}")


@pytest.mark.parametrize("where", ["shared", "thread", "process"])
def test_a_result_over_the_bound_fails_its_task_and_leaves_no_state(kernel, spec, where):
    kernel.spawn("giver", spec(where))
    assert kernel.agent("giver").isolation == where
    assert len(kernel.submit("giver", {"size": BOUND}).result(timeout=30)) == BOUND - 2
    with pytest.raises(TaskFailed) as failed:
        kernel.submit("giver", {"size": BOUND + 1}, attempts=3).result(timeout=30)
    assert (failed.value.kind, failed.value.attempts) == ("ResultTooLarge", 1)
    assert failed.value.cause == (
        "the result of agent 'giver' has 2,049 bytes, over the limit of 2,048: "
        "return a reference to large data, or raise limits.result_bytes"
    )
    states = kernel.feed.store.read(0, Filter(types=("agent.state",)))
    assert [event.data["state"]["size"] for event in states] == [BOUND]


def test_a_result_that_no_frame_holds_fails_its_task_by_the_same_name(spec):
    with Kernel(config=Config(limits=LimitsConfig(result_bytes=64 << 20))) as kernel:
        kernel.spawn("giver", spec("process"))
        with pytest.raises(TaskFailed, match="pass a path or a reference") as failed:
            kernel.submit("giver", {"size": (8 << 20) + 1}).result(timeout=30)
    assert failed.value.kind == "ResultTooLarge"


def test_a_tool_s_result_over_the_bound_is_an_error_that_the_agent_gets(kernel):
    kernel.spawn("asks", asks)
    assert len(kernel.submit("asks", {"size": BOUND}).result(timeout=10)) == BOUND - 2
    task = kernel.submit("asks", {"size": BOUND + 1})
    assert task.result(timeout=10) == (
        "the result of tool 'filling.fill' has 2,049 bytes, over the limit of 2,048: "
        "return a reference to large data, or raise limits.result_bytes"
    )
    returned = next(e for e in task.events(timeout=10) if e.type == "tool.returned")
    assert returned.data["error"].startswith("ResultTooLarge: ")
    assert len(returned.envelope.body) < BOUND


def test_an_effect_whose_result_is_too_large_took_place_and_is_not_repeated(kernel):
    calls.clear()
    kernel.spawn("pays", pays)
    task = kernel.submit("pays", {"size": BOUND + 1})
    with pytest.raises(TaskFailed, match=r"OutcomeUnknown: filling\.pay"):
        task.result(timeout=10)
    assert calls == {"pay": 1}


def test_what_was_too_large_is_so_in_a_replay(kernel, spec):
    kernel.spawn("giver", spec("shared"))
    for name, code in (("asks", asks), ("pays", pays)):
        kernel.spawn(name, code)
    tasks = [kernel.submit(name, {"size": BOUND + 1}) for name in ("giver", "asks", "pays")]
    for task in tasks:
        list(task.events(timeout=10))
    events = list(kernel.feed.store.read())
    for task in tasks:
        again = replay_events(events, task.run, {"asks": asks, "pays": pays}, [FILLING])
        assert again.divergence is None, str(again.divergence)
        assert again.same
        assert (again.given, again.tries) == ({}, 1)

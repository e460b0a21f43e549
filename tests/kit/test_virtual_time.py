"""A kernel whose time the test moves: what waits for time ends at its moment, and not before."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise

import pytest

from retinue.bus.errors import DeadlineExceeded, TaskFailed
from retinue.kernel.testing import TestKernel, running_kernel
from retinue.plugins import Plugin, agent, tool

HOUR = 3600.0


@pytest.fixture
def kernel():
    with running_kernel() as started:
        yield started


def moments(task, kind: str) -> list[float]:
    """When such events of the task's run were written, in seconds after the start."""
    return [e.time - 1e9 for e in task.events(timeout=10) if e.type == kind]


@agent
async def sleeper(ctx, seconds: float) -> str:
    ctx.thought("asleep")
    await asyncio.sleep(seconds)
    return "awake"


@agent(isolation="thread")
async def sleeper_apart(ctx, seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "awake"


@agent(tools=["clock.*"])
async def by_the_clock(ctx, seconds: float) -> list[float]:
    before = await ctx.call("clock.now")
    slept = await ctx.call("clock.sleep", seconds=seconds)
    after = await ctx.call("clock.now")
    return [slept, after["epoch"] - before["epoch"]]


@pytest.mark.parametrize("spec", [sleeper, sleeper_apart], ids=["shared", "thread"])
def test_an_agents_sleep_ends_when_its_time_has_passed_and_not_before(kernel, spec):
    kernel.spawn("sleeper", spec)
    task = kernel.submit("sleeper", {"seconds": HOUR})
    kernel.advance(HOUR - 1)
    assert not task.done
    kernel.advance(1)
    assert task.done
    assert task.result(timeout=10) == "awake"


def test_tools_go_by_the_same_clock(kernel):
    kernel.spawn("by_the_clock", by_the_clock)
    task = kernel.submit("by_the_clock", {"seconds": 90})
    kernel.advance(90)
    assert task.result(timeout=10) == [90.0, 90.0]


def test_what_follows_from_a_timer_counts_from_its_moment(kernel):
    @agent
    async def in_turn(ctx) -> None:
        for seconds in (1, 2, 3):
            await asyncio.sleep(seconds)
            ctx.thought(f"after {seconds} more")

    kernel.spawn("in_turn", in_turn)
    task = kernel.submit("in_turn")
    kernel.advance(HOUR)
    assert moments(task, "agent.thought") == [1.0, 3.0, 6.0]


def test_back_off_and_attempts_take_no_time_of_the_machine(kernel):
    @agent(attempts=6)
    async def sixth(ctx) -> int:
        if ctx.attempt < 6:
            raise OSError("not yet")
        return ctx.attempt

    kernel.spawn("sixth", sixth)
    task = kernel.submit("sixth")
    kernel.advance(HOUR)
    assert task.result(timeout=10) == 6
    began = moments(task, "task.running")
    waits = [later - sooner for sooner, later in pairwise(began)]
    assert len(waits) == 5
    assert all(longer > shorter for shorter, longer in pairwise(waits)), waits


@pytest.mark.parametrize("limit", ["deadline", "attempt_timeout", "tool"])
def test_every_limit_on_work_is_one_of_virtual_time(kernel, limit):
    @tool(timeout=60 if limit == "tool" else None)
    async def hangs() -> None:
        await asyncio.Event().wait()

    @agent(tools=[hangs], attempt_timeout=60 if limit == "attempt_timeout" else None)
    async def stuck(ctx) -> None:
        await ctx.call("hangs")

    kernel.spawn("stuck", stuck)
    task = kernel.submit("stuck", deadline=60 if limit == "deadline" else None)
    kernel.advance(59.9)
    assert not task.done
    kernel.advance(0.2)
    with pytest.raises(TaskFailed, match="DeadlineExceeded"):
        task.result(timeout=10)


@tool
def blocks() -> str:
    release.wait(10)
    return "released"


@agent(tools=[blocks])
async def in_a_tool(ctx) -> str:
    return await ctx.call("blocks")


@agent
async def in_a_pool(ctx) -> str:
    return await asyncio.to_thread(blocks)


release = threading.Event()


@pytest.mark.parametrize(
    ("spec", "named"), [(in_a_tool, "tool blocks"), (in_a_pool, "the loop retinue-test-agents")]
)
def test_settling_waits_for_what_blocks_a_thread(kernel, spec, named):
    release.clear()
    kernel.spawn("caller", spec)
    task = kernel.submit("caller")
    with pytest.raises(DeadlineExceeded, match=named):
        kernel.settle(timeout=0.05)
    release.set()
    kernel.settle()
    assert task.done


def test_settling_names_the_agent_that_is_busy(kernel):
    never = threading.Event()

    @agent(isolation="thread")
    def computes(ctx) -> None:
        never.wait(10)

    kernel.spawn("computes", computes)
    task = kernel.submit("computes")
    with pytest.raises(DeadlineExceeded, match=f"'computes', task {task.id}"):
        kernel.settle(timeout=0.05)
    never.set()
    kernel.settle()
    assert task.done


def test_a_kernel_that_waits_has_settled(kernel):
    @agent(isolation="thread")
    def asks(ctx) -> str:
        return ctx.ask("sleeper", seconds=5)

    kernel.spawn("sleeper", sleeper)
    kernel.spawn("asks", asks)
    task = kernel.submit("asks")
    kernel.settle()
    assert [view.state for view in kernel.tasks(run=task.run)] == ["running", "running"]
    kernel.advance(5)
    assert task.result(timeout=10) == "awake"


def test_time_does_not_go_back(kernel):
    for seconds in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="time does not go back"):
            kernel.advance(seconds)


def test_a_close_ends_what_waits_for_a_time_that_never_comes():
    kernel = TestKernel().start()
    kernel.spawn("sleeper", sleeper)
    kernel.submit("sleeper", {"seconds": HOUR})
    kernel.settle()
    kernel.close(drain=0.01)
    assert repr(kernel) == "<Kernel 'test' closed>"


def test_a_plugin_gets_the_kernels_clock(kernel):
    assert kernel.invoke("clock.now")["epoch"] == 1e9
    kernel.load(Plugin("none", "1.0"))

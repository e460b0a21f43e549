"""Agents and tools that misbehave: contained, reported, and the neighbours go on."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
import threading

import pytest

from retinue.bus.clock import ManualClock
from retinue.bus.errors import TaskFailed
from retinue.kernel import Config, Kernel
from retinue.kernel.config import WatchdogConfig
from retinue.plugins import Plugin, agent, tool

# A strike lands wherever the thread is, also in a callback of the garbage collector that some
# library has set; there Python can only report it. The thread is then left behind instead.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@agent
async def neighbour(ctx, n: int) -> int:
    await asyncio.sleep(0)
    return n + 1


def failing(kernel, spec, kind, **options):
    """The agent's task fails in that way, and a neighbour works before and after."""
    kernel.spawn("neighbour", neighbour)
    kernel.spawn("faulty", spec)
    with pytest.raises(TaskFailed) as failed:
        kernel.submit("faulty", **options).result(timeout=30)
    assert failed.value.kind in ({kind} if isinstance(kind, str) else kind)
    assert kernel.submit("neighbour", {"n": 1}).result(timeout=30) == 2
    return failed.value


@agent
async def exits(ctx) -> None:
    sys.exit(3)


@agent
def exits_in_a_thread(ctx) -> None:
    sys.exit(3)


@agent
async def interrupts(ctx) -> None:
    raise KeyboardInterrupt


@agent
async def returns_what_json_cannot_hold(ctx) -> object:
    return object()


@agent
async def returns_nan(ctx) -> float:
    return float("nan")


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (exits, "SystemExit"),
        (exits_in_a_thread, "SystemExit"),
        (interrupts, "KeyboardInterrupt"),
        (returns_what_json_cannot_hold, "InvalidInput"),
        (returns_nan, "InvalidInput"),
    ],
)
def test_what_an_agent_raises_or_returns_is_its_own_failure(kernel, spec, kind):
    failing(kernel, spec, kind)


QUICK = Config(watchdog=WatchdogConfig(loop=0.3))


def test_an_agent_that_loops_for_ever_is_interrupted_and_named():
    @agent
    async def spins(ctx) -> None:
        while True:
            pass

    with Kernel(config=QUICK) as kernel:
        failing(kernel, spins, "AgentHung")
        stalls = [e for e in kernel.events(follow=False) if e.type == "task.stalled"]
        assert [e.agent for e in stalls] == ["faulty"]
        assert "test_faults" in stalls[0].data["what"]


def test_an_agent_that_blocks_in_c_loses_its_loop_and_the_others_get_a_new_one():
    release = threading.Event()
    gate, out = os.pipe()
    read = ctypes.CDLL(None).read

    @agent
    async def blocks(ctx) -> None:
        buffer = ctypes.create_string_buffer(1)
        read(gate, buffer, 1)

    with Kernel(config=QUICK) as kernel:
        try:
            failing(kernel, blocks, "AgentHung")
        finally:
            os.write(out, b"x")
            release.set()
    os.close(gate)
    os.close(out)


def test_an_agent_that_swallows_its_cancellation_is_cut_off(kernel):
    ended = threading.Event()

    @agent
    async def stubborn(ctx) -> None:
        ctx.thought("here")
        try:
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
        finally:
            ended.set()

    kernel.spawn("stubborn", stubborn)
    task = kernel.submit("stubborn")
    for event in task.events(timeout=10):
        if event.type == "agent.thought":
            break
    task.cancel("now")
    assert [e.type for e in task.events(timeout=10)][-1] == "run.cancelled"
    assert ended.wait(10), "its run is over, and it goes on"


def test_a_task_that_nobody_can_reach_is_declared_ended_a_second_after_its_cancel():
    clock, release = ManualClock(), threading.Event()

    @agent
    async def blocks(ctx) -> None:
        ctx.thought("here")
        release.wait(30)

    with Kernel(clock=clock) as kernel:
        kernel.spawn("blocks", blocks)
        task = kernel.submit("blocks")
        for event in task.events(timeout=10):
            if event.type == "agent.thought":
                break
        task.cancel("now")
        clock.advance(1.0)
        try:
            assert [e.type for e in task.events(timeout=10)][-1] == "run.cancelled"
        finally:
            release.set()


def test_what_a_cut_off_agent_still_says_is_discarded(kernel):
    over, spoke = threading.Event(), threading.Event()

    @agent
    async def talks_on(ctx) -> None:
        def later() -> None:
            assert over.wait(10)
            ctx.thought("still here")
            spoke.set()

        threading.Thread(target=later).start()
        ctx.thought("here")
        await asyncio.Event().wait()

    kernel.spawn("talks_on", talks_on)
    task = kernel.submit("talks_on")
    for event in task.events(timeout=10):
        if event.type == "agent.thought":
            break
    task.cancel("now")
    assert [e.type for e in task.events(timeout=10)][-1] == "run.cancelled"
    over.set()
    assert spoke.wait(10)
    kernel.elements.create("committed after whatever it said")
    assert [e.type for e in kernel.events(follow=False) if e.run == task.run][-1] == "run.cancelled"


def test_a_flood_of_events_ends_the_turn_that_makes_it(kernel):
    @agent
    async def floods(ctx) -> None:
        while True:
            ctx.thought("x" * 100)

    failing(kernel, floods, {"MailboxFull", "AgentHung"})


def test_the_watchdog_names_what_hangs_and_for_how_long():
    never = asyncio.Event()

    @tool
    async def stuck() -> None:
        await never.wait()

    config = Config(watchdog=WatchdogConfig(tool=0.05, action="cancel"))
    with Kernel(config=config) as kernel:
        kernel.load(Plugin("tools", "1.0", tools=[stuck]))

        @agent(tools=["tools.stuck"])
        async def user(ctx) -> None:
            await ctx.call("tools.stuck")

        kernel.spawn("user", user)
        task = kernel.submit("user")
        events = list(task.events(timeout=10))
        stalled = next(e for e in events if e.type == "task.stalled")
        assert "tool tools.stuck" in stalled.data["what"]
        assert stalled.data["seconds"] >= 0.05
        assert events[-1].type == "run.cancelled"


def test_stopping_an_agent_fails_its_tasks_and_frees_its_name(kernel):
    @agent
    async def never(ctx) -> None:
        await asyncio.Event().wait()

    kernel.spawn("never", never)
    running, waiting = kernel.submit("never"), kernel.submit("never")
    kernel.stop_agent("never", "replaced")
    for task in (running, waiting):
        with pytest.raises(TaskFailed, match="replaced"):
            task.result(timeout=10)
    kernel.spawn("never", neighbour)
    assert kernel.submit("never", {"n": 1}).result(timeout=10) == 2


@pytest.mark.parametrize("actor", ["scheduler", "orchestrator", "plugins", "watchdog"])
def test_a_kernel_actor_that_fails_is_restarted_and_nothing_in_hand_is_lost(kernel, actor):
    release = asyncio.Event()

    @agent
    async def held(ctx) -> str:
        ctx.thought("here")
        await release.wait()
        return "done"

    kernel.spawn("held", held)
    running, waiting = kernel.submit("held"), kernel.submit("held")
    for event in running.events(timeout=10):
        if event.type == "agent.thought":
            break
    kernel._tree.system.find(actor).tell(object())
    events = kernel.events(after=0)
    acted = next(e for e in events if e is not None and e.type == "kernel.supervised")
    assert acted.data["actor"] == actor
    loop = kernel._tree.executors.shared.run(_loop()).result(10)
    loop.call_soon_threadsafe(release.set)
    assert [running.result(timeout=10), waiting.result(timeout=10)] == ["done", "done"]


async def _loop():
    return asyncio.get_running_loop()


def test_a_neighbour_of_an_agent_that_blocks_is_tried_again_at_no_cost():
    gate, out = os.pipe()
    read = ctypes.CDLL(None).read
    attempts = []

    @agent
    async def innocent(ctx) -> int:
        attempts.append(ctx.attempt)
        ctx.thought("here")
        if len(attempts) == 1:
            await asyncio.Event().wait()
        return len(attempts)

    @agent
    async def blocks(ctx) -> None:
        read(gate, ctypes.create_string_buffer(1), 1)

    with Kernel(config=QUICK) as kernel:
        kernel.spawn("innocent", innocent)
        task = kernel.submit("innocent")
        for event in task.events(timeout=10):
            if event.type == "agent.thought":
                break
        try:
            failing(kernel, blocks, "AgentHung")
            assert task.result(timeout=10) == 2
        finally:
            os.write(out, b"x")
    os.close(gate)
    os.close(out)

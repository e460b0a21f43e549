"""Clocks that jump: waits go by the time that passes, whatever the wall clock says meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from threading import Event

import pytest

from retinue.bus.clock import ManualClock
from retinue.bus.errors import TaskFailed
from retinue.kernel import Kernel
from retinue.plugins import agent

from . import clocks

DAY = 86_400.0
JUMPS = pytest.mark.parametrize("jump", [DAY, -DAY], ids=["forward", "back"])


@agent
async def told(ctx) -> str:
    """Ends when the test says so."""
    ctx.thought("here")
    while not go_on.is_set():  # noqa: ASYNC110 - set on another thread
        await asyncio.sleep(0)
    return "done"


@agent
async def waits(ctx) -> None:
    ctx.thought("here")
    await asyncio.Event().wait()


@agent(attempts=2)
async def fails_once(ctx) -> int:
    if ctx.attempt == 1:
        raise OSError("the first time")
    return ctx.attempt


go_on = Event()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def started(clock) -> Iterator[Kernel]:
    go_on.clear()
    with Kernel(clock=clock) as kernel:
        for spec in (told, waits, fails_once):
            kernel.spawn(spec.name, spec)
        yield kernel
        go_on.set()


def see(task, kind: str) -> None:
    for event in task.events(timeout=10):
        if event.type == kind:
            return


@JUMPS
def test_a_task_has_its_whole_time_when_the_clock_jumps(started, clock, jump):
    running = started.submit("told", deadline=60)
    queued = started.submit("told", deadline=60)
    see(running, "agent.thought")
    clock.jump(jump)
    clock.advance(59)
    go_on.set()
    assert [task.result(timeout=10) for task in (running, queued)] == ["done", "done"]


@JUMPS
def test_a_deadline_comes_when_its_time_has_passed(started, clock, jump):
    task = started.submit("waits", deadline=60)
    see(task, "agent.thought")
    clock.jump(jump)
    clock.advance(61)
    with pytest.raises(TaskFailed, match="DeadlineExceeded"):
        task.result(timeout=10)


@JUMPS
def test_a_back_off_takes_as_long_as_it_was_to(started, clock, jump):
    task = started.submit("fails_once")
    see(task, "task.attempt_failed")
    clock.jump(jump)
    assert not task.done
    clock.advance(1)
    assert task.result(timeout=10) == 2


def test_no_event_tells_of_negative_seconds(started, clock):
    task = started.submit("told")
    see(task, "agent.thought")
    clock.jump(-DAY)
    go_on.set()
    events = list(task.events(timeout=10))
    told = [event.data.get("seconds", 0.0) for event in events]
    assert min(told) >= 0, [(event.type, event.data) for event in events]


@pytest.mark.parametrize("seed", range(5))
def test_work_ends_the_same_with_jumps_and_without(seed):
    assert clocks.run(seed)["jumps"] == 20

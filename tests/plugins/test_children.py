"""Children of a turn: asked, submitted, waited for, cancelled."""

from __future__ import annotations

import asyncio

import pytest

from retinue.plugins import (
    DeadlineExceeded,
    InvalidInput,
    TaskCancelled,
    TaskFailed,
    UnknownAgent,
    agent,
)
from retinue.plugins.testing import TestTurn

from .world import in_turn


def test_ask_gives_the_child_s_result():
    async def body(ctx):
        return [await ctx.ask("upper", {"text": "a"}), await ctx.ask("upper", text="b")]

    assert in_turn(body).run() == ["A", "B"]


@pytest.mark.parametrize(
    ("name", "given", "kind", "says"),
    [
        ("failing", {}, TaskFailed, "task t-test-2 failed .*KeyError: 'gone'"),
        ("upper", {"text": 1}, InvalidInput, "agent 'upper': Expected `str`"),
        ("nobody", {}, UnknownAgent, "'nobody'"),
    ],
)
def test_an_ask_that_fails_says_which_agent_and_why(name, given, kind, says):
    async def body(ctx):
        await ctx.ask(name, given)

    with pytest.raises(kind, match=says):
        in_turn(body).run()


def test_an_ask_that_takes_too_long_cancels_the_child_and_says_so():
    async def body(ctx):
        await ctx.ask("endless", timeout=0.01)

    turn = in_turn(body)
    with pytest.raises(
        DeadlineExceeded, match=r"'endless' \(task t-test-2\) did not answer within 0.01 s"
    ):
        turn.run()
    assert list(turn.port.cancellations) == ["t-test-2"]


def test_a_timeout_of_the_agent_s_own_cancels_the_child_as_well():
    async def body(ctx):
        async with asyncio.timeout(0.01):
            await ctx.ask("endless")

    turn = in_turn(body)
    with pytest.raises(TimeoutError):
        turn.run()
    assert turn.port.cancellations == {"t-test-2": "agent 'me' stopped waiting for it"}


def test_a_turn_that_is_told_to_stop_leaves_its_children_to_the_kernel():
    started = asyncio.Event()

    @agent
    async def child(ctx):
        started.set()
        await asyncio.Event().wait()

    @agent
    async def parent(ctx):
        await ctx.ask("child")

    async def stop_it():
        turn = TestTurn(parent, agents=[child])
        running = asyncio.create_task(turn.run_async())
        await started.wait()
        turn.cancel()
        running.cancel()
        await asyncio.wait([running])
        return turn

    turn = asyncio.run(stop_it())
    assert turn.port.cancellations == {}


def test_a_child_s_own_timeout_error_is_not_taken_for_ours():
    async def body(ctx):
        ctx._port.result = raising
        await ctx.ask("endless", timeout=30)

    async def raising(task):
        raise TimeoutError("the child's own")

    with pytest.raises(TimeoutError, match="the child's own") as raised:
        in_turn(body).run()
    assert not isinstance(raised.value, DeadlineExceeded)


def test_submit_gives_a_child_to_wait_for_or_to_cancel():
    async def body(ctx):
        good, bad = await ctx.submit("upper", text="x"), await ctx.submit("endless")
        with pytest.raises(DeadlineExceeded):
            await bad.result(timeout=0.01)
        still_there = ctx._port.cancellations == {}
        await bad.cancel("enough")
        with pytest.raises(TaskCancelled, match="enough"):
            await bad.result()
        return [good.id, repr(bad), await good.result(), still_there]

    assert in_turn(body).run() == ["t-test-2", "<ChildTask t-test-3 of agent 'endless'>", "X", True]


def test_children_run_beside_each_other_and_all_settle():
    async def body(ctx):
        asked = [ctx.ask("upper", text="a"), ctx.ask("failing"), ctx.ask("upper", text="b")]
        settled = await asyncio.gather(*asked, return_exceptions=True)
        return [s if isinstance(s, str) else type(s).__name__ for s in settled]

    assert in_turn(body).run() == ["A", "TaskFailed", "B"]

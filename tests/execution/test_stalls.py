"""A loop that one agent holds: found, broken, and the neighbours go on."""

from __future__ import annotations

import asyncio
import threading

import pytest

from retinue.actors.execution import AgentLoopLost, SharedExecutor
from retinue.actors.execution.loop import LoopThread
from retinue.actors.execution.watch import LoopWatch
from retinue.plugins import AgentSpec

# A strike lands wherever the thread is, also in a callback of the garbage collector that some
# library has set; there Python can only report it. The thread is then left behind instead.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


async def spins(ctx):
    ctx.thought("spinning")
    while True:
        pass


async def spins_on(ctx):
    ctx.thought("spinning")
    while True:
        try:
            while True:
                pass
        except Exception:
            pass


async def spins_in_a_task(ctx):
    async def spin():
        ctx.thought("spinning")
        while True:
            pass

    await asyncio.gather(spin())


async def greets(ctx):
    await asyncio.sleep(0)
    return "hello"


def blocks_until(gate):
    async def blocks(ctx):
        ctx.thought("blocking")
        gate.wait(30)  # in C: no exception gets in there
        return "late"

    return blocks


async def waits(ctx):
    ctx.thought("waiting")
    await asyncio.Event().wait()


@pytest.mark.parametrize("agent", [spins, spins_on, spins_in_a_task])
def test_an_agent_that_loops_for_ever_is_named_and_ended_and_its_neighbour_goes_on(
    shared, attempt, watched, agent
):
    with watched(shared) as stalls:
        culprit = attempt(shared, agent)
        assert culprit.port.emitted.wait(10)
        neighbour = attempt(shared, greets)
        assert neighbour.outcome().result == b'"hello"'
        outcome = culprit.outcome()
    assert outcome.kind == "AgentHung"
    assert "agent 'tested' held the agents' loop" in outcome.cause
    assert "test_stalls.py" in outcome.cause
    assert [(s.agent, s.task, s.struck) for s in stalls] == [("tested", "t-1", False)]


def test_an_agent_that_blocks_in_c_costs_its_loop_and_new_turns_get_a_fresh_one(
    shared, attempt, watched, port, open_gate
):
    with watched(shared) as stalls:
        beside = attempt(shared, waits, port=port("beside"))
        assert beside.port.emitted.wait(10)
        culprit = attempt(shared, blocks_until(open_gate))
        assert culprit.port.emitted.wait(10)
        assert culprit.outcome().kind == "AgentHung"
        lost = beside.outcome()
        assert attempt(shared, greets).outcome().result == b'"hello"'
    assert (lost.kind, lost.retry) == ("AgentLoopLost", True)
    assert [s.struck for s in stalls] == [False, True]


def drops(count):
    """Takes so many exceptions for nothing, as Python does where one lands in a finaliser."""
    taken = []

    async def drops_strikes(ctx):
        ctx.thought("spinning")
        while True:
            try:
                while True:
                    pass
            except BaseException as error:
                taken.append(error)
                if len(taken) > count:
                    raise

    return drops_strikes


def test_a_loop_that_was_lost_is_struck_until_its_thread_ends(shared, attempt, watched, wait_until):
    with watched(shared):
        turn = attempt(shared, drops(3))
        assert turn.port.emitted.wait(10)
        [home] = [shared._home]
        assert turn.outcome().kind == "AgentHung"
        assert shared._home is not home
        wait_until(lambda: home.thread.join(0), 20)


def test_what_spins_when_the_executor_is_closed_is_struck_until_its_thread_ends(attempt):
    executor = SharedExecutor(grace=0.05)
    turn = attempt(executor, drops(2))
    assert turn.port.emitted.wait(10)
    thread = executor._home.thread
    executor.close(30.0)
    assert thread.join(0)
    assert turn.outcome().kind == "KernelClosed"


def test_turns_that_have_not_begun_on_a_lost_loop_begin_on_the_fresh_one(
    shared, attempt, watched, port, open_gate
):
    began = []

    async def counts(ctx):
        began.append(1)
        return await asyncio.sleep(0, "begun")

    async def on_the_loop():
        return threading.current_thread().name

    with watched(shared):
        culprit = attempt(shared, blocks_until(open_gate))
        together = [attempt(shared, counts, timeout=30.0) for _ in range(10)]
        guest = shared.run(on_the_loop())
        assert culprit.port.emitted.wait(10)
        behind = [attempt(shared, counts) for _ in range(10)]
        turned_down = attempt(shared, counts)
        turned_down.cancel()
        assert [turn.outcome().result for turn in together + behind] == [b'"begun"'] * 20
        assert guest.result(10) == "agents"
        assert turned_down.outcome().kind == "Cancelled"
        assert culprit.outcome().kind == "AgentHung"
    (lost,) = shared._old
    open_gate.set()
    assert lost.thread.join(10)
    assert len(began) == 20


def test_an_agent_whose_on_start_was_left_in_a_lost_loop_starts_anew(
    shared, attempt, watched, open_gate
):
    made = []

    class Slow:
        async def on_start(self):
            made.append(self)
            if len(made) == 1:
                open_gate.wait(30)

        async def run(self, ctx):
            return made.index(self)

        async def on_stop(self):
            made.append("stopped")

    runner = AgentSpec.of(Slow).instance()
    with watched(shared):
        first, second = (attempt(shared, Slow, runner=runner) for _ in range(2))
        assert first.outcome().kind == "AgentHung"
        assert second.outcome().result == b"1"
        assert attempt(shared, Slow, runner=runner).outcome().result == b"1"
    open_gate.set()
    shared.forget("tested", runner)
    shared.close(10.0)
    assert made[2:] == ["stopped"]


def test_what_comes_out_of_a_lost_loop_later_is_not_reported_again(
    shared, attempt, watched, open_gate, wait_until
):
    with watched(shared):
        culprit = attempt(shared, blocks_until(open_gate))
        assert culprit.outcome().kind == "AgentHung"
        (lost,) = shared._old
        open_gate.set()
        wait_until(lambda: lost.thread.join(0))
    assert len(culprit.outcomes) == 1


def test_a_thread_waiting_on_a_lost_loop_is_told(shared, attempt, watched, open_gate):
    async def for_ever():
        await asyncio.Event().wait()

    with watched(shared):
        future = shared.run(for_ever())
        attempt(shared, blocks_until(open_gate))
        with pytest.raises(AgentLoopLost):
            future.result(10)


def test_a_cancelled_turn_behind_a_blocked_loop_ends_before_the_loop_is_free(
    shared, attempt, watched, port, open_gate
):
    shared._stall_after = 30.0
    with watched(shared):
        turn = attempt(shared, waits, port=port("beside"))
        assert turn.port.emitted.wait(10)
        blocker = attempt(shared, blocks_until(open_gate))
        assert blocker.port.emitted.wait(10)
        turn.cancel()
        assert turn.outcome().kind == "Cancelled"
        assert not blocker.ended


def test_a_turn_that_spins_and_was_cancelled_is_struck_after_its_grace(shared, attempt, watched):
    shared._stall_after = 30.0
    with watched(shared):
        turn = attempt(shared, spins)
        assert turn.port.emitted.wait(10)
        turn.cancel("enough")
        outcome = turn.outcome()
        assert attempt(shared, greets).outcome().result == b'"hello"'
    assert (outcome.kind, outcome.cause) == ("Cancelled", "enough")


def test_a_busy_loop_that_turns_is_not_blamed(shared, attempt):
    async def steps(ctx):
        ctx.thought("stepping")
        while not ctx.cancelled:  # noqa: ASYNC110 - as busy as a loop can be
            await asyncio.sleep(0)

    turn = attempt(shared, steps)
    assert turn.port.emitted.wait(10)
    now, found = 0.0, []
    for _ in range(50):
        now += 0.1
        found += shared.check(now)
        shared.run(asyncio.sleep(0)).result(10)
    turn.port.cancelled = True
    assert turn.outcome().kind == ""
    assert found == []


def test_a_look_at_a_loop_blames_nobody_before_the_same_task_was_seen_twice(open_gate):
    thread = LoopThread("looked-at", lambda error: None)
    watch = LoopWatch(thread)
    began = threading.Event()

    async def blocks():
        began.set()
        open_gate.wait(10)

    thread.post(lambda: thread.loop.create_task(blocks()))
    assert began.wait(10)
    assert watch.look(1.0) is None
    assert watch.look(3.5).seconds == 2.5
    watch.struck()
    assert watch.look(4.0).struck == 0.5
    open_gate.set()
    thread.stop()
    assert thread.join(10)

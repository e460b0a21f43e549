"""Async agents on the shared loop: outcomes, cancelling, timeouts, and what they may not do."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
import weakref
from contextlib import suppress

import pytest

from retinue.actors.execution import SharedExecutor
from retinue.bus.errors import InvalidInput
from retinue.bus.messages import AgentText
from retinue.plugins import AgentSpec


def test_a_turn_gives_the_json_of_what_the_agent_returned(shared, attempt):
    async def shout(ctx, text: str):
        return {"said": text.upper()}

    outcome = attempt(shared, shout, b'{"text": "hi"}').outcome()
    assert (outcome.kind, json.loads(outcome.result)) == ("", {"said": "HI"})


def test_a_stream_of_text_is_emitted_delta_by_delta(shared, attempt):
    async def tell(ctx):
        yield "a"
        yield "b"

    turn = attempt(shared, tell)
    assert turn.outcome().result == b'"ab"'
    assert turn.port.events == [AgentText("a"), AgentText("b")]


def test_turns_of_one_loop_overlap(shared, attempt):
    meet = []

    async def first(ctx):
        meet.append(asyncio.Event())
        await meet[0].wait()
        return 1

    async def second(ctx):
        meet[0].set()

    one = attempt(shared, first)
    two = attempt(shared, second)
    assert [one.outcome().result, two.outcome().result] == [b"1", b"null"]


def test_an_agent_that_raises_gives_kind_cause_and_the_last_frames(shared, attempt):
    async def fails(ctx):
        raise LookupError("no such\nbook")

    outcome = attempt(shared, fails).outcome()
    assert (outcome.kind, outcome.cause, outcome.retry) == ("LookupError", "no such book", True)
    assert "in fails" in outcome.traceback


def test_an_input_that_does_not_fit_is_refused_for_good(shared, attempt):
    async def count(ctx, number: int):
        return number

    outcome = attempt(shared, count, b'{"number": "x"}').outcome()
    assert (outcome.kind, outcome.retry) == ("InvalidInput", False)


@pytest.mark.parametrize("result", [object(), float("nan"), {1: {2: threading.Lock()}}])
def test_a_result_that_json_cannot_carry_fails_for_good(shared, attempt, result):
    async def gives(ctx):
        return result

    outcome = attempt(shared, gives).outcome()
    assert (outcome.kind, outcome.retry) == ("InvalidInput", False)
    assert "result" in outcome.cause


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_an_agent_that_raises_a_base_exception_harms_nobody(shared, attempt, error):
    async def quits(ctx):
        raise error

    async def well(ctx):
        await asyncio.sleep(0)
        return "well"

    assert attempt(shared, quits).outcome().kind == type(error).__name__
    assert attempt(shared, well).outcome().result == b'"well"'


def test_sys_exit_in_a_task_that_an_agent_started_leaves_the_loop_running(shared, attempt, log):
    async def quits():
        sys.exit(5)

    async def starts(ctx):
        task = asyncio.ensure_future(quits())
        await asyncio.wait([task])
        return "still here"

    async def well(ctx):
        return "well"

    assert attempt(shared, starts).outcome().result == b'"still here"'
    assert attempt(shared, well).outcome().result == b'"well"'
    assert any("SystemExit got out of a task" in text for _, text in log)


def test_an_error_that_cannot_even_be_shown_is_an_outcome(shared, attempt):
    class Rude(Exception):
        retry_after = property(lambda self: 1 / 0)

        def __str__(self):  # noqa: PLE0307
            sys.exit(1)

    async def fails(ctx):
        raise Rude

    outcome = attempt(shared, fails).outcome()
    assert (outcome.kind, outcome.retry_after) == ("Rude", None)
    assert "SystemExit" in outcome.cause


def test_retry_after_of_the_error_reaches_the_outcome(shared, attempt):
    class Busy(Exception):
        retry_after = 7

    async def fails(ctx):
        raise Busy("later")

    assert attempt(shared, fails).outcome().retry_after == 7.0


def test_thousands_of_turns_each_end_once(shared, attempt):
    async def echo(ctx, n: int):
        await asyncio.sleep(0)
        return n

    turns = [attempt(shared, echo, b'{"n": %d}' % n) for n in range(3000)]
    assert [int(turn.outcome().result) for turn in turns] == list(range(3000))


def test_close_lets_what_runs_clean_up_and_refuses_what_comes(attempt):
    shared = SharedExecutor(grace=0.1)
    seen = []

    async def waits(ctx):
        ctx.thought("waiting")
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cleaned up")

    turn = attempt(shared, waits)
    assert turn.port.emitted.wait(10)
    shared.close(10.0)
    assert turn.outcome().kind == "KernelClosed"
    assert seen == ["cleaned up"]
    assert attempt(shared, waits).outcome().kind == "KernelClosed"
    assert [t for t in threading.enumerate() if t.name.startswith("agents")] == []


def test_an_executor_that_never_ran_a_turn_has_no_thread():
    before = threading.enumerate()
    shared = SharedExecutor()
    assert threading.enumerate() == before
    shared.close(1.0)


def test_an_agent_that_is_forgotten_runs_its_on_stop(shared, attempt):
    stopped = threading.Event()

    class Keeper:
        async def on_stop(self):
            stopped.set()

        async def run(self, ctx):
            return 1

    runner = AgentSpec.of(Keeper).instance()
    assert attempt(shared, Keeper, runner=runner).outcome().result == b"1"
    shared.forget("tested", runner)
    assert stopped.wait(10)


def test_close_lets_an_on_stop_under_way_end(attempt):
    shared = SharedExecutor()
    seen = []

    class Keeper:
        async def on_stop(self):
            for _ in range(100):
                await asyncio.sleep(0)
            seen.append("stopped")

        async def run(self, ctx):
            return 1

    runner = AgentSpec.of(Keeper).instance()
    attempt(shared, Keeper, runner=runner).outcome()
    shared.forget("tested", runner)
    shared.close(10.0)
    assert seen == ["stopped"]


def test_an_on_stop_that_fails_is_reported(shared, attempt, log, wait_until):
    class Keeper:
        def on_stop(self):
            raise ValueError("stuck")

        async def run(self, ctx):
            return 1

    runner = AgentSpec.of(Keeper).instance()
    attempt(shared, Keeper, runner=runner).outcome()
    shared.forget("tested", runner)
    wait_until(lambda: log)
    assert log == [("tested", "on_stop did not end well: ValueError: stuck")]


def test_a_coroutine_of_another_thread_runs_on_the_loop(shared):
    async def asks():
        return threading.current_thread().name

    async def fails():
        raise InvalidInput("no")

    assert shared.run(asks()).result(10) == "agents"
    with pytest.raises(InvalidInput):
        shared.run(fails()).result(10)


def test_cancelling_the_future_cancels_its_coroutine(shared):
    began, ended = threading.Event(), threading.Event()

    async def waits():
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    future = shared.run(waits())
    assert began.wait(10)
    assert future.cancel()
    assert ended.wait(10)


@pytest.fixture
def no_collector():
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("how", ["returns", "raises", "swallows its cancellation"])
def test_a_turn_that_is_over_is_gone_without_the_garbage_collector(
    shared, attempt, port, watched, no_collector, wait_until, how
):
    begun = threading.Event()

    async def works(ctx):
        begun.set()
        while how == "swallows its cancellation":
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        if how == "raises":
            raise ValueError("over")
        return "over"

    made = attempt(shared, works, port=port())
    assert begun.wait(10)
    if how == "swallows its cancellation":
        made.cancel()
    made.outcome()
    left = weakref.ref(made.port)
    del made
    with watched(shared):
        wait_until(lambda: left() is None)

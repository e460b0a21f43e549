"""Turns on the shared loop that are told to stop, or take too long."""

from __future__ import annotations

import asyncio
import threading

import pytest


def test_a_cancelled_turn_ends_as_cancelled_with_the_reason(shared, attempt):
    seen = []

    async def waits(ctx):
        ctx.thought("waiting")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cleaned up")
            raise

    turn = attempt(shared, waits)
    assert turn.port.emitted.wait(10)
    turn.cancel("changed my mind")
    outcome = turn.outcome()
    assert (outcome.kind, outcome.cause, outcome.retry) == ("Cancelled", "changed my mind", False)
    assert seen == ["cleaned up"]


def test_a_turn_cancelled_before_it_began_never_begins(shared, attempt, open_gate):
    began = []

    async def blocks(ctx):
        ctx.thought("on the loop")
        open_gate.wait(10)

    async def never(ctx):
        began.append(1)

    blocker = attempt(shared, blocks)
    assert blocker.port.emitted.wait(10)
    turn = attempt(shared, never)
    turn.cancel()
    open_gate.set()
    assert turn.outcome().kind == "Cancelled"
    assert blocker.outcome().kind == ""
    assert began == []


def test_what_an_agent_returns_after_it_was_cancelled_does_not_count(shared, attempt):
    async def shrugs(ctx):
        ctx.thought("waiting")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done anyway"

    turn = attempt(shared, shrugs)
    assert turn.port.emitted.wait(10)
    turn.cancel()
    assert turn.outcome().kind == "Cancelled"


@pytest.mark.parametrize("swallowed", [asyncio.CancelledError, Exception | asyncio.CancelledError])
def test_an_agent_that_swallows_the_cancellation_is_cut_off(shared, attempt, wait_until, swallowed):
    kinds = (
        (asyncio.CancelledError, Exception)
        if swallowed is not asyncio.CancelledError
        else swallowed
    )

    async def stubborn(ctx):
        ctx.thought("waiting")
        while True:
            try:
                await asyncio.Event().wait()
            except kinds:
                ctx.thought("no")

    turn = attempt(shared, stubborn)
    assert turn.port.emitted.wait(10)
    turn.cancel()
    assert turn.outcome().kind == "Cancelled"
    wait_until(lambda: not asyncio.all_tasks(shared._home.thread.loop))


def test_an_attempt_that_takes_too_long_exceeds_its_deadline_and_may_be_retried(shared, attempt):
    async def waits(ctx):
        await asyncio.Event().wait()

    outcome = attempt(shared, waits, timeout=0.05).outcome()
    assert (outcome.kind, outcome.retry) == ("DeadlineExceeded", True)
    assert "0.05 s" in outcome.cause


def test_agents_may_use_timeouts_of_asyncio(shared, attempt):
    async def patient(ctx):
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return "went on"

    assert attempt(shared, patient).outcome().result == b'"went on"'


def test_what_an_agent_started_ends_with_its_turn(shared, attempt):
    ended = threading.Event()

    async def lingers():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def starts(ctx):
        task = asyncio.create_task(lingers())
        await asyncio.sleep(0)
        return not task.done()

    assert attempt(shared, starts).outcome().result == b"true"
    assert ended.wait(10)

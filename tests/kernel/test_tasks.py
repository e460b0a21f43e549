"""A task's way through the kernel, as its submitter sees it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from retinue.bus.clock import ManualClock
from retinue.bus.errors import DeadlineExceeded, DeadlockDetected, TaskCancelled, TaskFailed
from retinue.kernel import Kernel
from retinue.plugins import agent


@agent
async def shout(ctx, text: str) -> str:
    ctx.thought("louder")
    return text.upper()


@agent
async def never(ctx) -> None:
    await asyncio.Event().wait()


def types_of(handle):
    return [event.type for event in handle.events(timeout=10)]


def test_a_task_goes_through_all_its_states_in_order(kernel):
    kernel.spawn("shout", shout)
    task = kernel.submit("shout", {"text": "hello"})
    assert types_of(task) == [
        "run.started",
        "task.submitted",
        "task.queued",
        "task.scheduled",
        "task.running",
        "agent.thought",
        "task.succeeded",
        "run.succeeded",
    ]
    assert task.result(timeout=5) == "HELLO"
    assert task.state == "succeeded"


def test_every_event_of_a_task_names_the_one_that_caused_it(kernel):
    kernel.spawn("shout", shout)
    task = kernel.submit("shout", {"text": "hello"})
    events = list(task.events(timeout=10))
    known = {event.id for event in events}
    caused = [event.envelope.cause in known for event in events]
    assert caused[1:] == [True, True, True, False, False, True, True] or all(
        event.envelope.cause for event in events
    )


def test_an_async_generator_streams_text_and_returns_the_whole(kernel):
    @agent
    async def spell(ctx, word: str):
        for letter in word:
            yield letter

    kernel.spawn("spell", spell)
    task = kernel.submit("spell", {"word": "abc"})
    deltas = [e.data["delta"] for e in task.events(timeout=10) if e.type == "agent.text"]
    assert deltas == ["a", "b", "c"]
    assert task.result(timeout=5) == "abc"


def test_a_plain_function_runs_on_a_thread_and_may_block(kernel):
    @agent
    def where(ctx) -> str:
        return threading.current_thread().name

    kernel.spawn("where", where)
    assert kernel.submit("where").result(timeout=5) != threading.current_thread().name
    assert kernel.agent("where").isolation == "thread"


def test_an_agent_asks_another_and_the_run_holds_both_tasks(kernel):
    @agent
    async def boss(ctx, text: str) -> str:
        return await ctx.ask("shout", text=text)

    kernel.spawn("shout", shout)
    kernel.spawn("boss", boss)
    task = kernel.submit("boss", {"text": "hi"})
    assert task.result(timeout=5) == "HI"
    run = kernel.run(task.run)
    assert (run.tasks, run.open, run.state) == (2, 0, "succeeded")


def test_a_failed_task_raises_with_its_cause(kernel):
    @agent
    async def broken(ctx) -> None:
        raise ValueError("no such luck")

    kernel.spawn("broken", broken)
    with pytest.raises(TaskFailed, match="ValueError: no such luck") as failed:
        kernel.submit("broken").result(timeout=5)
    assert (failed.value.kind, failed.value.cause) == ("ValueError", "no such luck")


def test_a_failed_attempt_is_tried_again_as_often_as_was_asked(kernel):
    tries = []

    @agent
    async def third_time(ctx) -> int:
        tries.append(ctx.attempt)
        if len(tries) < 3:
            raise ConnectionError("not yet")
        return len(tries)

    kernel.spawn("third_time", third_time)
    task = kernel.submit("third_time", attempts=3)
    assert task.result(timeout=10) == 3
    assert tries == [1, 2, 3]
    assert types_of(task).count("task.attempt_failed") == 2


def test_a_task_that_never_ends_fails_at_its_deadline(kernel):
    kernel.spawn("never", never)
    task = kernel.submit("never", deadline=0.05)
    with pytest.raises(TaskFailed, match="DeadlineExceeded"):
        task.result(timeout=5)
    assert types_of(task)[-1] == "run.failed"


def test_waiting_too_long_says_so_and_leaves_the_task_alone(kernel):
    kernel.spawn("never", never)
    task = kernel.submit("never")
    with pytest.raises(DeadlineExceeded, match="still"):
        task.result(timeout=0.01)
    assert task.state in {"queued", "scheduled", "running"}
    task.cancel()


def test_a_cancelled_task_ends_as_cancelled_with_its_reason(kernel):
    kernel.spawn("never", never)
    task = kernel.submit("never")
    assert task.cancel("enough") is True
    with pytest.raises(TaskCancelled, match="enough"):
        task.result(timeout=5)
    assert types_of(task)[-2:] == ["task.cancelled", "run.cancelled"]
    assert task.cancel("again") is False


def test_a_cancel_reaches_every_task_below_and_one_terminal_event_follows(kernel):
    @agent
    async def nested(ctx, depth: int) -> None:
        await ctx.ask(f"nested{depth - 1}" if depth > 1 else "never", depth=depth - 1)

    @agent
    async def leaf(ctx, depth: int) -> None:
        await asyncio.Event().wait()

    kernel.spawn("never", leaf)
    for depth in range(1, 5):
        kernel.spawn(f"nested{depth}", nested)
    task = kernel.submit("nested4", {"depth": 4})
    for event in task.events(timeout=10):
        if event.type == "task.running" and event.agent == "never":
            break
    task.cancel("stop all")
    ends = [e.type for e in task.events(timeout=10) if e.type.startswith("run.")]
    assert ends == ["run.started", "run.cancelled"]
    assert {t.state for t in kernel.tasks(run=task.run)} == {"cancelled"}


def test_a_run_ends_once_whatever_falls_due_later():
    clock = ManualClock()
    with Kernel(clock=clock) as kernel:
        kernel.spawn("never", never)
        kernel.spawn("shout", shout)
        task = kernel.submit("never", deadline=20)
        for event in task.events(timeout=10):
            if event.type == "task.running":
                break
        task.cancel("enough")
        assert [e.type for e in task.events(timeout=10)][-1] == "run.cancelled"
        clock.advance(60)  # the time to force it, and its deadline
        assert kernel.submit("shout", {"text": "on"}).result(timeout=10) == "ON"
        types = [e.type for e in kernel.events(follow=False) if e.run == task.run]
        assert [t for t in types if t.startswith("run.")] == ["run.started", "run.cancelled"]
        assert types[-2:] == ["task.cancelled", "run.cancelled"]


def test_a_parent_that_ends_takes_its_unfinished_children_along(kernel):
    @agent
    async def careless(ctx) -> str:
        await ctx.submit("never")
        return "done"

    kernel.spawn("never", never)
    kernel.spawn("careless", careless)
    task = kernel.submit("careless")
    last = list(task.events(timeout=10))[-1]
    assert last.type == "run.succeeded"
    assert {t.agent: t.state for t in kernel.tasks(run=task.run)} == {
        "careless": "succeeded",
        "never": "cancelled",
    }


def test_the_same_key_gives_the_same_task(kernel):
    kernel.spawn("shout", shout)
    first = kernel.submit("shout", {"text": "a"}, key="k")
    second = kernel.submit("shout", {"text": "b"}, key="k")
    assert first.id == second.id
    assert second.result(timeout=5) == "A"


def test_an_agent_that_asks_the_one_that_waits_for_it_is_told_of_the_circle(kernel):
    @agent
    async def ping(ctx) -> str:
        return await ctx.ask("pong")

    @agent
    async def pong(ctx) -> str:
        return await ctx.ask("ping")

    kernel.spawn("ping", ping)
    kernel.spawn("pong", pong)
    with pytest.raises(TaskFailed, match="ping → pong → ping"):
        kernel.submit("ping").result(timeout=5)
    assert DeadlockDetected(("ping", "pong", "ping")).path == ("ping", "pong", "ping")


def test_state_survives_between_turns_and_a_failed_turn_leaves_no_trace(kernel):
    @agent
    async def counter(ctx, fail: bool = False) -> int:
        ctx.state["n"] = ctx.state.get("n", 0) + 1
        if fail:
            raise RuntimeError("undo")
        return ctx.state["n"]

    kernel.spawn("counter", counter)
    assert kernel.submit("counter").result(timeout=5) == 1
    with pytest.raises(TaskFailed):
        kernel.submit("counter", {"fail": True}).result(timeout=5)
    assert kernel.submit("counter").result(timeout=5) == 2


def test_retry_does_an_ended_task_once_more_with_its_input(kernel):
    kernel.spawn("shout", shout)
    first = kernel.submit("shout", {"text": "again"})
    first.result(timeout=5)
    second = kernel.retry(first.id)
    assert second.id != first.id
    assert second.result(timeout=5) == "AGAIN"

"""Recorded runs, run again: the same bytes, or the first event that is not."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import Annotated

import pytest

from retinue.bus.clock import ManualClock
from retinue.bus.errors import InvalidInput, NotFound
from retinue.bus.journal import Filter, MemoryStore
from retinue.kernel import Kernel
from retinue.kernel.replay import replay, replay_events
from retinue.plugins import Plugin, Secret, agent, tool
from retinue.plugins.llm.model import Delta, Message
from retinue.plugins.llm.scripted import ScriptedModel

from .atlas import ATLAS, RECORDED, guide, of_type, rerun, with_fields


def test_two_hundred_runs_come_out_byte_for_byte_three_times(recorded, programs):
    store, runs = recorded
    assert len(runs) == 200
    for run in runs:
        events = tuple(store.read(only=Filter(run=run)))
        for _ in range(3):
            again = replay(store, run, agents=programs.AGENTS, plugins=[programs.PLUGIN])
            assert again.divergence is None, f"{run}: {again.divergence}"
            assert again.events == events
            assert not again.given


def test_the_recorded_runs_have_every_shape(recorded):
    store, _ = recorded
    seen = {event.type for event in store.read()}
    assert seen >= {
        *("run.succeeded", "run.failed", "run.cancelled", "task.attempt_failed", "agent.state"),
        *(
            "task.cancel_requested",
            "tool.progress",
            "tool.output",
            "llm.returned",
            "agent.text",
            "agent.thought",
        ),
    }
    effects = {
        e.data.get("effect", "none") for e in store.read(only=Filter(types=("tool.called",)))
    }
    assert effects == {"none", "idempotent", "once"}


def test_without_its_code_a_run_is_decided_again_and_its_steps_are_taken_as_recorded(recorded):
    store, runs = recorded
    events = [_without_reference(event) for event in store.read()]
    for run in runs[:60]:
        again = replay_events(events, run)
        assert again.divergence is None, f"{run}: {again.divergence}"
        assert again.same
        assert "only the program that spawned it has its code" in again.given.values()


def _without_reference(event):
    return with_fields(event, {"reference": ""}) if event.type == "agent.spawned" else event


def test_models_whose_answers_were_not_recorded_leave_their_agent_as_recorded():
    store = MemoryStore()
    with Kernel(store=store, plugins=[ATLAS], models={"auto": ScriptedModel(["Ah"])}) as kernel:
        kernel.spawn("guide", guide)
        task = kernel.submit("guide", {"country": "France"})
        task.result(timeout=20)
        for _ in task.events():
            pass
        again = replay(store, task.run, agents={"guide": guide}, plugins=[ATLAS])
    assert again.same
    assert "set models.record" in again.given["guide"]


def test_a_replay_reaches_no_network_and_starts_no_process(guided):
    events, run = guided
    tried = []

    @agent(tools=["atlas.capital"])
    async def talkative(ctx, country: str) -> str:
        for way in (
            lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
            lambda: socket.getaddrinfo("localhost", 80),
            lambda: subprocess.run([sys.executable, "-c", ""], check=False),
        ):
            try:
                way()
            except Exception as error:
                tried.append(type(error).__name__)
        return await guide.function(ctx, country)

    again = replay_events(events, run, agents={"guide": talkative}, plugins=[ATLAS])
    assert tried == ["Unavailable"] * 3
    assert again.same
    subprocess.run([sys.executable, "-c", ""], check=True)  # outside of a replay it may


def test_the_tools_themselves_are_not_called(guided):
    events, run = guided
    called = []

    @tool
    def capital(of: str) -> str:
        called.append(of)
        return "Paris"

    plugin = Plugin("atlas", "1.0", tools=[capital])
    assert replay_events(events, run, agents={"guide": guide}, plugins=[plugin]).same
    assert not called


def test_a_run_that_a_crash_broke_off_and_the_next_start_ended_comes_out_again():
    store = MemoryStore()
    begun = []

    @agent
    async def stubborn(ctx) -> int:
        begun.append(ctx.attempt)
        ctx.thought(f"attempt {ctx.attempt}")
        if len(begun) == 1:
            await ctx.ask("sleeper")
        return ctx.attempt

    @agent
    async def sleeper(ctx) -> str:
        ctx.thought("asleep")
        import asyncio

        await asyncio.Event().wait()
        return ""

    first = Kernel(store=store).start()
    first.spawn("stubborn", stubborn)
    first.spawn("sleeper", sleeper)
    task = first.submit("stubborn")
    for event in task.events():
        if event.data.get("text") == "asleep":
            break
    killed = MemoryStore()
    killed.append([event.envelope for event in store.read()])
    first.close(drain=0)
    with Kernel(store=killed) as second:
        second.spawn("stubborn", stubborn)
        second.spawn("sleeper", sleeper)
        assert second.handle(task.id).result(timeout=20) == 2
        for _ in second.handle(task.id).events():
            pass
        begun.clear()
        again = replay(killed, task.run, agents={"stubborn": stubborn, "sleeper": sleeper})
    assert again.same, again.divergence
    assert any(e.data.get("kind") == "Interrupted" for e in again.events)


def test_the_time_that_is_left_is_what_it_was():
    @agent(attempt_timeout=30)
    async def hasty(ctx) -> str:
        ctx.thought("there is time" if ctx.remaining > 10 else "it is late")
        return await ctx.ask("plain")

    @agent(attempt_timeout=30)
    def plain(ctx) -> str:
        ctx.thought("there is time" if ctx.remaining > 10 else "it is late")
        return "done"

    clock, store = ManualClock(1_000_000_000.0), MemoryStore()
    with Kernel(store=store, clock=clock) as kernel:
        kernel.spawn("hasty", hasty)
        kernel.spawn("plain", plain)
        task = kernel.submit("hasty")
        task.result(timeout=20)
        for _ in task.events():
            pass
    again = replay(store, task.run, agents={"hasty": hasty, "plain": plain})
    assert again.same, again.divergence


def test_an_unknown_run_and_an_unknown_event_are_refused(guided):
    events, run = guided
    with pytest.raises(NotFound, match="no run 'r-nowhere' is in the journal"):
        replay_events(events, "r-nowhere")
    with pytest.raises(NotFound, match="event 99999 is none of run"):
        rerun(events, run, changes={99999: {"result": 1}})
    answer = of_type(events, "tool.returned").seq
    with pytest.raises(InvalidInput, match="has no field 'outcome'"):
        rerun(events, run, changes={answer: {"outcome": 1}})


def test_a_run_with_secrets_is_recorded_without_them_and_comes_out_again():
    @tool(effect="once")
    def login(user: str, password: Annotated[str, Secret]) -> dict:
        return {"token": f"tok-{password}", "user": user}

    @agent(tools=["vault.login"])
    async def guard(ctx, user: str, key: Annotated[str, Secret]) -> str:
        ctx.thought(f"using {key}")
        got = await ctx.call("vault.login", user=user, password=key)
        async for delta in ctx.model.stream([Message("user", got["token"])]):
            ctx.text(delta.text)
        return got["token"]

    vault = Plugin("vault", "1.0", tools=[login])
    model = ScriptedModel([[Delta("it is s3cr"), Delta("et-value, you "), Delta("know")]])
    store = MemoryStore()
    with Kernel(config=RECORDED, store=store, plugins=[vault], models={"auto": model}) as kernel:
        kernel.spawn("guard", guard)
        task = kernel.submit("guard", {"user": "Ann", "key": "s3cret-value"})
        task.result(timeout=20)
        for _ in task.events():
            pass
    assert not any(b"s3cr" in event.envelope.body for event in store.read())
    again = replay(store, task.run, agents={"guard": guard}, plugins=[vault])
    assert again.same, again.divergence

"""Async agents that asked for a thread, with a loop of its own there."""

from __future__ import annotations

import asyncio
import threading

import pytest

from retinue.bus.messages import AgentThought
from retinue.plugins import AgentSpec
from retinue.plugins.llm.model import Delta, Message
from retinue.plugins.llm.scripted import ScriptedModel

# A strike lands wherever the thread is, also in a callback of the garbage collector that some
# library has set; there Python can only report it. The thread is then left behind instead.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_an_async_agent_may_have_a_thread_and_loop_of_its_own(threads, attempt, port):
    async def where():
        return threading.current_thread().name

    @AgentSpec
    def unused(ctx):
        return None

    async def asks(ctx):
        here = threading.current_thread().name
        ctx.thought(here)
        return [here, await ctx.call("where"), (await ctx.submit("other", {})).id]

    spec = AgentSpec(asks, isolation="thread")
    turn = attempt(threads, spec, port=port(tools={"where": where}))
    assert turn.outcome().result == b'["agent-tested","agents","t-child"]'
    assert turn.port.events == [AgentThought("agent-tested")]


def test_an_async_agent_on_a_thread_streams_from_its_model(threads, attempt, port):
    async def asks(ctx):
        said = [d.text async for d in ctx.model.stream([Message("user", "hi")])]
        return "".join(said)

    turn = attempt(
        threads,
        AgentSpec(asks, isolation="thread"),
        port=port(models={None: ScriptedModel(["good day"])}),
    )
    assert turn.outcome().result == b'"good day"'


def test_leaving_a_stream_early_ends_the_models_side_of_it(threads, attempt, port):
    ended = threading.Event()

    class Endless:
        name = "endless"

        async def stream(self, messages, **options):
            try:
                while True:
                    yield Delta("x")
                    await asyncio.sleep(0)
            finally:
                ended.set()

    async def asks(ctx):
        stream = ctx.model.stream([])
        first = await anext(stream)
        await stream.aclose()
        return first.text

    turn = attempt(
        threads, AgentSpec(asks, isolation="thread"), port=port(models={None: Endless()})
    )
    assert turn.outcome().result == b'"x"'
    assert ended.wait(10)


@pytest.mark.parametrize("swallows", [False, True])
def test_an_async_agent_on_a_thread_can_be_cancelled(threads, attempt, swallows):
    async def waits(ctx):
        while True:
            try:
                ctx.thought("waiting")
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not swallows:
                    raise

    turn = attempt(threads, AgentSpec(waits, isolation="thread"))
    assert turn.port.emitted.wait(10)
    turn.cancel()
    assert turn.outcome().kind == "Cancelled"
    assert attempt(threads, lambda ctx: 1).outcome().result == b"1"

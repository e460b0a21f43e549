"""Agents whose code is in a plugin's process: tasks like any other, and rights that nobody lends."""

from __future__ import annotations

import pytest

from retinue.bus.errors import InvalidInput, TaskCancelled, TaskFailed, UnknownAgent, UnknownTool
from retinue.bus.journal import Filter
from retinue.kernel import Kernel
from retinue.plugins import agent
from retinue.plugins.llm.scripted import ScriptedModel

CODE = """
import asyncio, os
from retinue.plugins import agent
from retinue.plugins.llm import complete
from retinue.plugins.llm.model import Message

@tool
async def double(number: int) -> int:
    return 2 * number

@agent(tools=["double", "clock.now"])
async def teller(ctx, number: int) -> int:
    "Doubles a number, and counts how often."
    ctx.thought("doubling")
    ctx.state["turns"] = ctx.state.get("turns", 0) + 1
    ctx.text("it ")
    ctx.text("is done")
    return await ctx.call("guest.double", number=number) + ctx.state["turns"]

@agent
def plain(ctx, text: str) -> str:
    ctx.thought("aloud")
    return ctx.ask("helper", text=text) + f" by {ctx.agent} in {ctx.run[:2]}"

@agent
async def early(ctx) -> str:
    return await ctx.ask("helper", text="x")

@agent(tools=["clock.now"])
async def late(ctx) -> dict:
    return await ctx.call("clock.now")

@agent
async def wise(ctx) -> str:
    return (await complete(ctx.model, [Message("user", "what?")])).text

@agent
async def endless(ctx) -> None:
    ctx.thought("for ever")
    await asyncio.Event().wait()

@agent(attempts=2)
async def frail(ctx) -> int:
    if ctx.attempt == 1:
        os._exit(3)
    return ctx.attempt

@agent
async def wrong(ctx) -> None:
    raise ValueError("no luck")
"""
ASKS = '[permissions]\nkernel = ["ask", "model"]\ntools = ["clock.now"]\n'


@pytest.fixture
def loaded(kernel, guest):
    """A kernel with the plugin and an agent of its own, ``helper``."""

    @agent
    async def helper(ctx, text: str) -> str:
        return text.upper()

    kernel.spawn("helper", helper)
    guest.load(kernel, CODE, manifest=ASKS)
    return kernel


def steps(kernel, task):
    only = Filter(task=task.id, types=("agent.*", "tool.*"))
    return [event.type for event in kernel.events(only=only, follow=False)]


def test_its_turn_is_a_task_with_steps_calls_and_a_state(loaded):
    task = loaded.submit("teller", {"number": 20})
    assert task.result(timeout=20) == 41
    assert loaded.submit("teller", {"number": 20}).result(timeout=20) == 42
    assert steps(loaded, task) == [
        "agent.thought",
        "agent.text",
        "agent.text",
        "tool.called",
        "tool.returned",
        "agent.state",
    ]
    view = loaded.agent("teller")
    assert (view.state, view.done) == ("idle", 2)
    assert view.schema["properties"] == {"number": {"type": "integer"}}


def test_the_record_of_such_an_agent_names_the_walls_around_its_plugin(loaded):
    assert loaded.agent("teller").level == "standard"
    assert loaded.agent("helper").level == ""


def test_a_plain_function_asks_other_agents_as_children_of_its_task(loaded):
    task = loaded.submit("plain", {"text": "tea"})
    assert task.result(timeout=20) == "TEA by plain in r-"
    assert sorted(t.agent for t in loaded.tasks(run=task.run)) == ["helper", "plain"]


def test_it_talks_to_the_kernels_model_where_that_was_granted(guest):
    with Kernel(models={"auto": ScriptedModel(["an answer"])}) as kernel:
        guest.load(kernel, CODE, manifest=ASKS)
        assert kernel.submit("wise").result(timeout=20) == "an answer"
        guest.load(kernel, CODE, "2.0", '[permissions]\ntools = ["clock.now"]\n')
        with pytest.raises(TaskFailed, match="may not ask the kernel's language models"):
            kernel.submit("wise").result(timeout=20)


def test_what_its_plugin_was_not_granted_it_is_refused_with_an_event(kernel, guest):
    guest.load(kernel, CODE, manifest='[permissions]\nkernel = ["model"]\n')
    with pytest.raises(TaskFailed, match=r"may not call the tool 'clock\.now'"):
        kernel.submit("late").result(timeout=20)
    with pytest.raises(TaskFailed, match="may not ask the kernel to submit"):
        kernel.submit("early").result(timeout=20)
    found = kernel.events(only=Filter(types=("security.denied",)), follow=False)
    denied = [(e.data["rule"], e.data["principals"]) for e in found]
    assert denied == [
        ("call.grant", ["plugin:guest", "agent:late"]),
        ("kernel.grant", ["plugin:guest", "agent:early"]),
    ]


def test_a_tool_that_the_agent_itself_was_not_given_is_not_there_for_it(loaded, guest):
    greedy = CODE.replace('@agent(tools=["clock.now"])', "@agent")
    guest.load(loaded, greedy, "2.0", ASKS)
    loaded.stop_agent("late")
    guest.load(loaded, greedy + "\n", "2.1", ASKS)
    with pytest.raises(TaskFailed, match=r"clock\.now"):
        loaded.submit("late").result(timeout=20)


def test_it_is_cancelled_retried_and_failed_like_any_other(loaded):
    task = loaded.submit("endless")
    next(filter(None, loaded.events(only=Filter(task=task.id, types=("agent.thought",)))))
    assert task.cancel("enough")
    with pytest.raises(TaskCancelled, match="enough"):
        task.result(timeout=20)
    assert loaded.submit("frail").result(timeout=20) == 2
    with pytest.raises(TaskFailed, match="ValueError: no luck"):
        loaded.submit("wrong").result(timeout=20)
    with pytest.raises(InvalidInput, match="number"):
        loaded.submit("teller", {"number": "x"})


def test_its_agents_come_and_go_with_the_plugin(loaded, guest):
    fewer = CODE.replace("async def wrong", "async def right")
    guest.load(loaded, fewer, "2.0", ASKS)
    assert "right" in [view.name for view in loaded.agents()]
    with pytest.raises(UnknownAgent):
        loaded.submit("wrong")
    loaded.unload_plugin("guest")
    assert [view.name for view in loaded.agents()] == ["echo", "helper"]


def test_a_name_or_a_tool_that_it_cannot_have_keeps_it_out(loaded, guest):
    with pytest.raises(InvalidInput, match="helper"):
        guest.load(loaded, CODE.replace("def wrong", "def helper"), "2.0", ASKS)
    with pytest.raises(UnknownTool, match=r"no\.such"):
        guest.load(loaded, CODE.replace('["clock.now"]', '["no.such"]'), "2.0", ASKS)
    assert guest.view(loaded).version == "1.0"
    assert loaded.submit("teller", {"number": 1}).result(timeout=20) == 3


def test_its_tasks_that_were_left_open_go_on_with_the_next_start(tmp_path, guest):
    state = tmp_path / "state"
    with Kernel(state_dir=state) as kernel:
        guest.load(kernel, CODE, manifest=ASKS)
        kernel.configure_scheduler(paused=True)
        task = kernel.submit("teller", {"number": 4}).id
    with Kernel(state_dir=state) as kernel:
        assert kernel.handle(task).result(timeout=20) == 9

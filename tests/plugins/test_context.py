"""``ctx``: steps, tools, children and models, awaited by async agents and blocking for plain ones."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from retinue.bus.clock import ManualClock
from retinue.bus.messages import AgentProgress, AgentText, AgentThought
from retinue.plugins import (
    Context,
    DeadlineExceeded,
    InvalidInput,
    SyncContext,
    TaskCancelled,
    TaskFailed,
    ToolError,
    UnknownAgent,
    UnknownTool,
    agent,
    tool,
)
from retinue.plugins.llm import Message, complete
from retinue.plugins.llm.scripted import ScriptedModel
from retinue.plugins.testing import TestTurn


@tool
def double(value: int):
    return value * 2


@tool(timeout=0.01)
async def stuck():
    await asyncio.Event().wait()


@tool
async def broken():
    raise ValueError("out of paper")


@agent
async def upper(ctx, text: str):
    return text.upper()


@agent
async def failing(ctx):
    raise KeyError("gone")


@agent
async def endless(ctx):
    await asyncio.Event().wait()


WORLD = {"tools": [double, stuck, broken], "agents": [upper, failing, endless]}


def in_turn(body, *, tools=("double", "stuck", "broken"), **world):
    """A turn whose whole body is one function of ctx, async or plain."""
    return TestTurn(agent(name="me", tools=tools)(body), **WORLD, **world)


def test_both_contexts_have_the_same_names():
    def names(kind):
        return {name for name in dir(kind) if not name.startswith("_")}

    assert names(SyncContext) - names(Context) == {"wait"}
    assert names(Context) <= names(SyncContext)


def test_steps_are_recorded_in_order():
    async def body(ctx):
        ctx.thought("plan")
        ctx.text("a")
        ctx.text("")
        ctx.progress(1, 4, "quarter")

    turn = in_turn(body)
    turn.run()
    assert turn.events == [AgentThought("plan"), AgentText("a"), AgentProgress(1, 4, "quarter")]


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (lambda ctx: ctx.text(5), "text.. takes str, not int"),
        (lambda ctx: ctx.thought(None), "thought.. takes str, not NoneType"),
        (lambda ctx: ctx.progress(float("nan")), "is not finite"),
        (lambda ctx: ctx.progress(1, note=2), "progress.. takes str"),
    ],
)
def test_a_step_that_observers_could_not_read_is_refused(step, error):
    async def body(ctx):
        step(ctx)

    turn = in_turn(body)
    with pytest.raises(
        (TypeError, ValueError), match=f"<Context of agent 'me', task t-test.*{error}"
    ):
        turn.run()
    assert turn.events == []


def test_a_turn_knows_who_and_where_it_is():
    clock = ManualClock()

    async def body(ctx):
        return [
            ctx.run,
            ctx.task,
            ctx.agent,
            ctx.attempt,
            ctx.deadline,
            ctx.remaining,
            ctx.cancelled,
        ]

    turn = in_turn(body, deadline=clock.time() + 3, attempt=2, clock=clock)
    assert turn.run() == ["r-test", "t-test-1", "me", 2, clock.time() + 3, 3, False]


@pytest.mark.parametrize(
    "which", ["double", double, double.function], ids=["name", "tool", "function"]
)
def test_call_takes_a_name_a_tool_or_its_function(which):
    async def body(ctx):
        return await ctx.call(which, value=21)

    turn = in_turn(body)
    assert turn.run() == 42
    assert turn.types == ["tool.called", "tool.returned"]
    assert turn.events[1].ok


@pytest.mark.parametrize(
    ("name", "args", "kind", "says"),
    [
        ("double", {"value": "x"}, InvalidInput, r"tool 'double': Expected `int`.*`\$.value`"),
        ("double", {}, InvalidInput, "missing required field `value`"),
        ("broken", {}, ToolError, "broken: ValueError: out of paper"),
        ("stuck", {}, DeadlineExceeded, "stuck did not return within 0.01 s"),
        ("other", {}, UnknownTool, "agent 'me' was not given tool 'other'"),
        ("granted.only", {}, UnknownTool, "tool 'granted.only' is not in this test"),
    ],
)
def test_a_call_that_fails_says_which_tool_and_why(name, args, kind, says):
    async def body(ctx):
        await ctx.call(name, **args)

    with pytest.raises(kind, match=says):
        in_turn(body, tools=("double", "broken", "stuck", "granted.*")).run()


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


def test_a_plain_agent_does_the_same_blocking():
    def body(ctx):
        ctx.thought("plain")
        child = ctx.submit("upper", {"text": "c"})
        with pytest.raises(DeadlineExceeded):
            ctx.ask("endless", timeout=0.01)
        other = ctx.submit("endless")
        other.cancel("enough")
        with pytest.raises(TaskCancelled):
            other.result()
        return [
            ctx.call("double", value=2),
            ctx.ask("upper", text="b"),
            child.result(timeout=20),
            child.id,
        ]

    turn = in_turn(body)
    assert turn.run() == [4, "B", "C", "t-test-2"]
    assert turn.types == ["agent.thought", "tool.called", "tool.returned"]


def test_state_survives_between_turns_and_only_when_they_succeed():
    async def body(ctx, fail: bool = False):
        ctx.state["turns"] = ctx.state.get("turns", 0) + 1
        if fail:
            raise RuntimeError("lost")
        return ctx.state["turns"]

    turn = in_turn(body, state={"turns": 5})
    assert turn.run() == 6
    with pytest.raises(RuntimeError):
        turn.run(fail=True)
    assert turn.state == {"turns": 6}
    assert turn.run() == 7


@pytest.mark.parametrize(
    "body",
    [lambda ctx: {1, object()}, lambda ctx: ctx.state.update(x=object()), lambda ctx: float("inf")],
)
def test_a_result_or_a_state_that_cannot_travel_fails_the_turn(body):
    with pytest.raises(InvalidInput, match=r"agent 'me': (result|state)"):
        in_turn(body).run()


def test_the_model_is_the_agent_s_own_or_another_by_name():
    small, large = ScriptedModel(["yes"]), ScriptedModel(["no"])

    async def body(ctx):
        asked = [Message("user", "?")]
        first = await complete(ctx.model, asked)
        second = await complete(ctx.use_model("large"), asked)
        return [first.text, second.text]

    assert in_turn(body, model=small, models={"large": large}).run() == ["yes", "no"]


def test_a_plain_agent_waits_for_its_model():
    def body(ctx):
        return ctx.wait(complete(ctx.model, [Message("user", "?")])).text

    assert in_turn(body, model=ScriptedModel(["yes"])).run() == "yes"


def test_the_extension_surface_fits_on_one_screen():
    import retinue.plugins

    assert len(retinue.plugins.__all__) < 25
    assert len(inspect.getsource(retinue.plugins).splitlines()) < 60

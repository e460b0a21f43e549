"""``ctx``: steps, tools, children and models, awaited by async agents and blocking for plain ones."""

from __future__ import annotations

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
    ToolError,
    UnknownTool,
)
from retinue.plugins.llm import Message, complete
from retinue.plugins.llm.scripted import ScriptedModel

from .world import double, in_turn


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

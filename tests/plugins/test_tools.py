"""``@tool``: names, effects, the context, and what it refuses."""

from __future__ import annotations

import functools

import pytest

from retinue.bus.clock import ManualClock
from retinue.plugins import InvalidInput, Tool, ToolContext, agent, tool
from retinue.plugins.testing import TestTurn
from retinue.plugins.tools import name_of


@tool(name="calc.add", effect="idempotent", timeout=5, description="Adds.")
def add(a: int, b: int = 2) -> int:
    return a + b


@tool
async def slow(ctx, steps: int):
    """Take some steps."""
    for step in range(steps):
        ctx.progress(step + 1, steps, "step")
    return [ctx.cancelled, ctx.deadline, ctx.remaining]


def test_a_tool_says_what_it_is():
    assert (add.name, add.effect, add.timeout, add.description) == (
        "calc.add",
        "idempotent",
        5,
        "Adds.",
    )
    assert (slow.name, slow.effect, slow.timeout, slow.description) == (
        "slow",
        "none",
        None,
        "Take some steps.",
    )
    assert (add.is_async, slow.is_async) == (False, True)
    assert repr(add) == "<Tool calc.add(a: int, b: int = 2) effect=idempotent>"
    assert "ctx" not in slow.schema["properties"]


def test_a_tool_can_still_be_called_as_the_plain_function():
    assert add(1) == 3
    assert add.call(add.check({"a": 1, "b": 1})) == 2


def test_a_tool_that_takes_ctx_tells_how_far_it_is():
    clock = ManualClock()

    @agent(tools=[slow])
    async def user(ctx):
        return await ctx.call(slow, steps=2)

    turn = TestTurn(user, deadline=clock.time() + 7, clock=clock)
    assert turn.run() == [False, clock.time() + 7, 7]
    assert turn.types == ["tool.called", "tool.progress", "tool.progress", "tool.returned"]
    assert turn.events[1].total == 2


def test_remaining_stops_at_zero_and_is_none_without_a_deadline():
    clock = ManualClock()
    ctx = ToolContext(deadline=clock.time() + 1, clock=clock)
    clock.advance(5)
    assert ctx.remaining == 0
    assert ToolContext().remaining is None


def test_named_gives_the_same_tool_another_name():
    other = add.named("calc.plus")
    assert (other.name, other.effect, other.timeout) == ("calc.plus", "idempotent", 5)
    assert other.call({"a": 1, "b": 1}) == 2


def test_a_tool_is_named_by_a_text_a_tool_or_a_function():
    def minus(a: int):
        pass

    assert [name_of(t) for t in ("x.y", add, minus)] == ["x.y", "calc.add", "minus"]
    assert Tool.of(add) is add


def test_a_bound_method_and_a_partial_can_be_tools():
    class Shelf:
        def take(self, what: str):
            return f"took {what}"

    taking = Tool(Shelf().take)
    assert taking.call(taking.check({"what": "it"})) == "took it"
    scaled = Tool(functools.partial(add.function, b=5), name="scaled")
    assert scaled.call(scaled.check({"a": 1})) == 6


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": "9lives"}, "tool '9lives': a name starts with a letter"),
        ({"name": "a\n"}, "a name starts with a letter"),
        ({"name": "x" * 200}, "up to 128"),
        ({"effect": "twice"}, "tool 'f': effect 'twice' is unknown; use none, idempotent or once"),
        ({"timeout": -1}, "tool 'f': timeout is -1; give seconds above 0"),
        ({"timeout": float("inf")}, "timeout is inf"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_with_the_rule_and_the_remedy(options, says):
    def f():
        pass

    with pytest.raises(InvalidInput, match=says):
        tool(**options)(f)

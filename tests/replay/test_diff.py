"""Two runs side by side."""

from __future__ import annotations

import pytest

from retinue.bus.journal import Filter, MemoryStore
from retinue.kernel import Kernel
from retinue.kernel.replay import diff
from retinue.plugins import Plugin, agent, tool


@tool
async def price(of: str) -> dict:
    return {"item": of, "cents": len(of) * 100}


@agent(tools=["shop.price"])
async def clerk(ctx, item: str) -> int:
    found = await ctx.call("shop.price", of=item)
    return found["cents"]


@agent
async def buyer(ctx, items: list[str]) -> int:
    total = 0
    for item in items:
        ctx.thought(f"and {item}")
        total += await ctx.ask("clerk", item=item)
    return total


@pytest.fixture(scope="module")
def shopping():
    """``run(items)`` gives the events of a run, in one kernel."""
    store = MemoryStore()
    with Kernel(store=store, plugins=[Plugin("shop", "1.0", tools=[price])]) as kernel:
        kernel.spawn("clerk", clerk)
        kernel.spawn("buyer", buyer)

        def run(*items):
            task = kernel.submit("buyer", {"items": list(items)})
            task.result(timeout=20)
            for _ in task.events():
                pass
            return list(store.read(only=Filter(run=task.run)))

        yield run


def test_runs_that_went_the_same_way_have_no_difference(shopping):
    first, second = shopping("tea", "milk"), shopping("tea", "milk")
    assert [e.id for e in first] != [e.id for e in second]
    assert diff(first, second) == []


def test_a_difference_is_named_by_place_event_and_field(shopping):
    first, second = shopping("tea", "milk"), shopping("tea", "silk")
    found = diff(first, second)
    assert [(change.place, change.type, change.field) for change in found] == [
        ("/", "task.submitted", "input.items[1]"),
        ("/", "agent.thought", "text"),
        ("/2", "task.submitted", "input.item"),
        ("/2", "tool.called", "args.of"),
        ("/2", "tool.returned", "result.item"),
    ]
    submitted = next(e for e in first if e.type == "task.submitted")
    other = next(e for e in second if e.type == "task.submitted")
    assert str(found[0]) == (
        f'/ task.submitted input.items[1]: "milk" (seq {submitted.seq}), "silk" (seq {other.seq})'
    )


def test_what_only_one_run_has_is_named_as_such(shopping):
    first, second = shopping("tea"), shopping("tea", "milk")
    more = [change for change in diff(first, second) if not change.left]
    assert {change.place for change in more} == {"/", "/2"}
    assert "only in the second" in str(more[0])
    fewer = [change for change in diff(second, first) if not change.right]
    assert len(fewer) == len(more)
    assert "only in the first" in str(fewer[0])


def test_durations_are_compared_when_asked_for(shopping):
    first, second = shopping("tea"), shopping("tea")
    fields = {change.field for change in diff(first, second, durations=True)}
    assert fields
    assert fields <= {"seconds", "waited", "waiting"}

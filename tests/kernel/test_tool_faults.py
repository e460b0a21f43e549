"""Tools that misbehave: the agent gets an error that it can handle, and goes on."""

from __future__ import annotations

import sys
import threading

import pytest

from retinue.plugins import Plugin, agent, tool

# A strike lands wherever the thread is, also in a callback of the garbage collector that some
# library has set; there Python can only report it. The thread is then left behind instead.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_a_tool_that_raises_exits_or_returns_nonsense_is_a_tool_error(kernel):
    @tool
    def raises() -> None:
        raise ValueError("no")

    @tool
    def leaves() -> None:
        sys.exit(1)

    @tool
    async def nonsense() -> object:
        return object()

    kernel.load(Plugin("bad", "1.0", tools=[raises, leaves, nonsense]))

    @agent(tools=["bad.*"])
    async def user(ctx) -> list[str]:
        said = []
        for name in ("bad.raises", "bad.leaves", "bad.nonsense"):
            try:
                await ctx.call(name)
            except Exception as error:
                said.append(f"{type(error).__name__}: {error}")
        return said

    kernel.spawn("user", user)
    task = kernel.submit("user")
    said = task.result(timeout=10)
    assert "ToolError" in said[0]
    assert "ValueError: no" in said[0]
    assert "SystemExit" in said[1]
    assert "cannot be encoded" in said[2]
    returned = [e.data["ok"] for e in task.events(timeout=5) if e.type == "tool.returned"]
    assert returned == [False, False, False]


def test_an_agent_calls_no_tool_that_it_was_not_given(kernel):
    called = []

    @tool
    def secret() -> None:
        called.append("secret")

    kernel.load(Plugin("safe", "1.0", tools=[secret]))

    @agent(tools=["echo.say"])
    async def curious(ctx) -> str:
        try:
            await ctx.call("safe.secret")
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return "called"

    kernel.spawn("curious", curious)
    task = kernel.submit("curious")
    assert "was not given the tool 'safe.secret'" in task.result(timeout=10)
    assert called == []
    assert "tool.called" not in [event.type for event in task.events(timeout=5)]


def test_a_tool_that_hangs_ends_at_its_deadline_and_the_agent_goes_on(kernel):
    release = threading.Event()

    @tool(timeout=0.05)
    def hangs() -> None:
        release.wait(30)

    kernel.load(Plugin("slow", "1.0", tools=[hangs]))

    @agent(tools=["slow.hangs"])
    async def user(ctx) -> str:
        try:
            await ctx.call("slow.hangs")
        except Exception as error:
            return type(error).__name__
        return "returned"

    kernel.spawn("user", user)
    assert kernel.submit("user").result(timeout=10) == "DeadlineExceeded"
    release.set()

"""Runs in which a plugin asked its host for tasks and other plugins' tools."""

from __future__ import annotations

from retinue.kernel import Kernel
from retinue.kernel.replay import replay_events
from retinue.plugins import Plugin, ToolContext, agent, tool


@agent
async def leaf(ctx) -> int:
    ctx.thought("asked for")
    return 7


@agent(tools=["broker.go"])
async def root(ctx) -> list:
    return await ctx.call("broker.go")


def test_what_a_plugin_asked_for_comes_out_again_without_asking():
    asked = []

    @tool
    async def go(ctx: ToolContext) -> list:
        asked.append(ctx.task)
        said = await ctx.tools.call("echo.say", text="hi")
        return [await ctx.kernel.ask("leaf"), said]

    permissions = {"kernel": ["ask"], "tools": ["echo.say"]}
    plugin = Plugin("broker", "1.0", [go], permissions=permissions)
    with Kernel(plugins=[plugin]) as kernel:
        kernel.spawn("leaf", leaf)
        kernel.spawn("root", root)
        handle = kernel.submit("root")
        assert handle.result(timeout=20) == [7, "hi"]
        list(handle.events(timeout=20))
        events = list(filter(None, kernel.events(follow=False)))
    agents = {"leaf": leaf, "root": root}
    assert replay_events(events, handle.run, agents=agents, plugins=[plugin]).same
    assert asked == [handle.id]

"""What a restart has to bring back, beside the tasks."""

from __future__ import annotations

from retinue.bus.journal import MemoryStore
from retinue.kernel import Kernel
from retinue.plugins import agent, tool


@tool
def double(n: int) -> int:
    return 2 * n


@agent(tools=[double, "clock.now"])
async def doubler(ctx, n: int) -> int:
    await ctx.call("clock.now")
    return await ctx.call("double", n=n)


def test_an_agent_comes_back_with_the_tools_that_are_its_own():
    store, again = MemoryStore(), MemoryStore()
    with Kernel(store=store) as kernel:
        kernel.spawn("doubler", doubler)
    again.append([event.envelope for event in store.read()])
    with Kernel(store=again) as kernel:
        assert kernel.submit("doubler", {"n": 21}).result(timeout=10) == 42

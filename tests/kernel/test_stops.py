"""A kernel that is closed while there is work: nothing of it is lost, and nothing fails of it."""

from __future__ import annotations

import asyncio

from retinue.bus.journal import Filter, MemoryStore
from retinue.kernel import Kernel
from retinue.plugins import agent


@agent
async def helper(ctx) -> str:
    return "helped"


@agent
async def boss(ctx) -> str:
    ctx.thought("here")
    if ctx.attempt == 1:
        try:
            await asyncio.Event().wait()
        finally:
            await ctx.submit("helper")
    return await ctx.ask("helper")


def test_what_is_submitted_while_agents_end_waits_for_the_next_start():
    store = MemoryStore()
    kernel = Kernel(store=store).start()
    kernel.spawn("helper", helper)
    kernel.spawn("boss", boss)
    task = kernel.submit("boss")
    for event in task.events():
        if event.type == "agent.thought":
            break
    kernel.close(drain=0)
    submitted = [event.agent for event in store.read(only=Filter(types=("task.submitted",)))]
    assert submitted == ["boss", "helper"]
    assert not list(store.read(only=Filter(types=("task.failed", "task.cancelled"))))

    again = MemoryStore()
    again.append([event.envelope for event in store.read()])
    with Kernel(store=again) as second:
        for name, spec in (("helper", helper), ("boss", boss)):
            if name not in {view.name for view in second.agents()}:
                second.spawn(name, spec)
        assert second.handle(task.id).result(timeout=20) == "helped"

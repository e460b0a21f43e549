"""A plugin that hangs is told, killed soon after, and gone; the next call finds another process."""

from __future__ import annotations

import asyncio

import pytest
from faults import hangs

from retinue.plugins.tools import ToolContext


@pytest.mark.parametrize("kind", hangs.KINDS)
def test_a_hang_ends_at_the_deadline_and_leaves_no_process(plugins, on_a_loop, kind):
    on_a_loop(hangs.hang(plugins, kind))
    assert plugins.watch.events == []
    assert any("told to end (deadline)" in end for end in plugins.watch.ends)


def test_a_cancelled_call_that_ends_in_time_keeps_its_process(plugins, on_a_loop):
    async def work():
        plugin = plugins.plugin()
        await plugin.start()
        process = plugin.process
        waiting = asyncio.create_task(plugin.call("wait", {}, ToolContext()))
        while not process.open_calls:  # noqa: ASYNC110 - it is sent at the next turn
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await plugin.call("echo", {"value": "still here"}, ToolContext()) == "still here"
        assert plugin.process is process
        await plugin.stop(0.0)

    on_a_loop(work())

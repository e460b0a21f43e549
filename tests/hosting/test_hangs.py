"""A plugin that hangs is told, killed soon after, and gone; the next call finds another process."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest
from faults import hangs

from retinue.bus.errors import DeadlineExceeded
from retinue.plugins.tools import ToolContext


@pytest.mark.parametrize("kind", hangs.KINDS)
def test_a_hang_ends_at_the_deadline_and_leaves_no_process(plugins, on_a_loop, kind):
    on_a_loop(hangs.hang(plugins, kind))
    told = ["host:limits.log_bytes"] if kind == "hang_flooding" else []
    assert [event for event in plugins.watch.events if event not in told] == []
    assert any("told to end (deadline)" in end for end in plugins.watch.ends)


def test_a_cancelled_call_that_ends_in_time_keeps_its_process(plugins, on_a_loop):
    async def work():
        plugin = plugins.plugin()
        await plugin.start()
        process = plugin.process
        await taken_back(plugin)
        assert await plugin.call("echo", {"value": "still here"}, ToolContext()) == "still here"
        assert plugin.process is process
        await plugin.stop(0.0)

    on_a_loop(work())


def test_a_call_that_is_cancelled_before_it_began_is_answered_like_any_other(plugins, on_a_loop):
    async def work():
        plugin = plugins.plugin()
        await plugin.start()
        process = plugin.process
        os.kill(process.confined.pid, signal.SIGSTOP)  # it reads the call and its end at once
        await taken_back(plugin)
        os.kill(process.confined.pid, signal.SIGCONT)
        assert await plugin.call("echo", {"value": "still here"}, ToolContext()) == "still here"
        assert plugin.process is process
        await plugin.stop(0.0)

    on_a_loop(work())


async def taken_back(plugin):
    """Make a call, and cancel it as soon as it is on its way."""
    waiting = asyncio.create_task(plugin.call("wait", {}, ToolContext()))
    while not plugin.process.open_calls:  # noqa: ASYNC110 - it is sent at the next turn
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_a_call_made_while_a_hang_is_given_up_waits_for_the_next_process(plugins, on_a_loop):
    async def work():
        plugin = plugins.plugin(call_seconds=20.0)
        await plugin.start()
        hung = plugin.process
        with pytest.raises(DeadlineExceeded):
            await plugin.call("hang_in_c", {}, soon())
        assert not hung.reason
        assert await plugin.call("echo", {"value": "next"}, ToolContext()) == "next"
        assert plugin.process is not hung
        await plugin.stop(0.0)

    on_a_loop(work())


def test_a_call_made_while_another_is_taken_back_finds_the_process_that_ends_it(plugins, on_a_loop):
    async def work():
        plugin = plugins.plugin()
        await plugin.start()
        process = plugin.process
        with pytest.raises(DeadlineExceeded):
            await plugin.call("wait", {}, soon())
        assert await plugin.call("echo", {"value": "same"}, ToolContext()) == "same"
        assert plugin.process is process
        await plugin.stop(0.0)

    on_a_loop(work())


def soon():
    """A context whose deadline is near."""
    return ToolContext(deadline=time.time() + 0.15)

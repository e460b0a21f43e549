"""Calls from another loop than the plugin's own, which go there and back without it."""

from __future__ import annotations

import asyncio
import threading

import pytest
from faults import hangs

from retinue.bus.errors import DeadlineExceeded, NotFound, PluginError
from retinue.plugins.tools import ToolContext


class Elsewhere:
    """A loop on a thread of its own, which can be held up."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self._release = threading.Event()

    def call(self, plugin, tool, ctx=None, **args):
        return self.start(plugin.call(tool, args, ctx or ToolContext()))

    def start(self, work):
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    async def borrow(self, plugin):
        """Make calls until their answers are read on this loop."""
        readers = set()
        while self.thread.ident not in readers:
            context = ToolContext(stream=lambda _: readers.add(threading.get_ident()))
            await self.call(plugin, "stream", context, count=1)

    async def hold_up(self):
        """Have it do nothing until ``release``."""
        held = asyncio.Event()
        here = asyncio.get_running_loop()

        def hold():
            here.call_soon_threadsafe(held.set)
            self._release.wait(30)

        self.loop.call_soon_threadsafe(hold)
        await held.wait()

    def release(self):
        self._release.set()

    def close(self):
        self.release()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture
def elsewhere():
    there = Elsewhere()
    yield there
    there.close()


@pytest.fixture
def running(plugins, on_a_loop):
    """Runs work with a plugin that was started on the test's loop, and stops that."""

    def run(work, **limits):
        async def started():
            plugin = plugins.plugin(**limits)
            await plugin.start()
            await work(plugin)
            await plugin.stop(0.0)

        on_a_loop(started())

    return run


def test_values_pieces_and_errors_come_back_whole_and_in_order(running, elsewhere):
    async def one(plugin, number):
        pieces = []
        count = await elsewhere.call(
            plugin, "stream", ToolContext(stream=pieces.append), count=number
        )
        assert count == number
        assert pieces == list(range(number))
        size = 20_000 * number
        assert len(await elsewhere.call(plugin, "big", size=size)) == size
        assert await elsewhere.call(plugin, "length", value="x" * size) == size
        with pytest.raises(NotFound, match="forged"):
            await elsewhere.call(plugin, "raising", kind="NotFound")

    async def work(plugin):
        await elsewhere.borrow(plugin)
        await asyncio.gather(*(one(plugin, number) for number in range(16)))

    running(work)


def test_a_caller_that_is_held_up_holds_up_nobody_else(running, elsewhere):
    async def work(plugin):
        await elsewhere.borrow(plugin)
        await elsewhere.hold_up()
        for number in range(20):
            value = await plugin.call("echo", {"value": str(number)}, ToolContext())
            assert value == str(number)

    running(work)


def test_an_answer_that_its_caller_is_too_busy_to_read_was_in_time(running, plugins, elsewhere):
    async def work(plugin):
        await elsewhere.borrow(plugin)
        process = plugin.process
        calling = elsewhere.call(plugin, "echo", value="there")
        await plugin.call("echo", {"value": "sent after it"}, ToolContext())
        await elsewhere.hold_up()
        loop = asyncio.get_running_loop()
        past = loop.create_future()
        loop.call_later(2 * hangs.DEADLINE + 0.5, past.set_result, None)
        await past
        elsewhere.release()
        assert await calling == "there"
        assert plugin.process is process

    running(work, call_seconds=2 * hangs.DEADLINE)
    assert plugins.watch.ends == []


@pytest.mark.parametrize("kind", ["hang_on_the_loop", "hang_flooding", "hang_in_a_thread"])
def test_a_hang_ends_in_time_although_its_caller_is_held_up(running, plugins, elsewhere, kind):
    async def work(plugin):
        await elsewhere.borrow(plugin)
        process = plugin.process
        calling = elsewhere.call(plugin, kind)
        while not process.open_calls:  # noqa: ASYNC110 - it is sent on another thread
            await asyncio.sleep(0)
        await elsewhere.hold_up()
        await process.gone
        assert not calling.done()
        elsewhere.release()
        with pytest.raises(DeadlineExceeded):
            await calling

    # A long start, so that the end of that does not wake the plugins' loop in the call's place.
    running(work, call_seconds=2 * hangs.DEADLINE, start_seconds=60.0)
    assert any("told to end (deadline)" in end for end in plugins.watch.ends)


def test_a_call_that_is_cancelled_elsewhere_is_told_and_keeps_its_process(running, elsewhere):
    async def work(plugin):
        await elsewhere.borrow(plugin)
        process = plugin.process
        waiting = elsewhere.call(plugin, "wait")
        while not process.open_calls:  # noqa: ASYNC110 - it is sent on another thread
            await asyncio.sleep(0)
        waiting.cancel()
        assert await elsewhere.call(plugin, "echo", value="still here") == "still here"
        while process.open_calls:  # noqa: ASYNC110 - it ends on another thread
            await asyncio.sleep(0)
        assert plugin.process is process

    running(work)


def test_a_crash_under_calls_from_elsewhere_fails_them_and_the_next_waits_for_a_new_process(
    running, plugins, elsewhere
):
    async def work(plugin):
        await elsewhere.borrow(plugin)
        waiting = elsewhere.call(plugin, "wait")
        with pytest.raises(PluginError, match="exited with 3"):
            await elsewhere.call(plugin, "crash")
        with pytest.raises(PluginError, match="exited with 3"):
            await waiting
        assert await elsewhere.call(plugin, "echo", value="again") == "again"

    running(work)
    assert plugins.watch.ends == ["it exited with 3"]


def test_a_plugin_that_is_stopped_waits_for_calls_from_elsewhere(plugins, on_a_loop, elsewhere):
    async def work():
        plugin = plugins.plugin()
        await plugin.start()
        await elsewhere.borrow(plugin)
        calls = [elsewhere.call(plugin, "big", size=4 << 20) for _ in range(4)]
        while plugin.process.open_calls < len(calls):  # noqa: ASYNC110 - another thread sends
            await asyncio.sleep(0)
        await plugin.stop(20.0)
        assert [len(value) for value in await asyncio.gather(*calls)] == [4 << 20] * 4

    on_a_loop(work())

"""A plugin's life: starts, crashes, restarts, quarantine, stops; and what crosses the channel."""

from __future__ import annotations

import asyncio
import signal

import pytest
from faults.hangs import exists
from hypothesis import given as examples
from hypothesis import strategies as st

from retinue.bus.errors import NotFound, PluginError, RetinueError
from retinue.plugins.hosting.idle import Burnt, IdleWatch
from retinue.plugins.hosting.output import Budget, escaped
from retinue.plugins.hosting.pace import Allowance
from retinue.plugins.hosting.restarts import Crashes, crashed
from retinue.plugins.tools import ToolContext


def test_values_of_any_length_go_there_and_back(plugins, on_a_loop):
    async def work():
        plugin = plugins.plugin()
        await plugin.start()
        for size in (0, 1, 192 * 1024, 192 * 1024 + 1, 6 << 20):
            assert await plugin.call("length", {"value": "x" * size}, ToolContext()) == size
            assert len(await plugin.call("big", {"size": size}, ToolContext())) == size
        await plugin.stop(0.0)

    on_a_loop(work())


def test_pieces_of_output_arrive_in_order_and_the_last_progress_always(plugins, on_a_loop):
    pieces, told = [], []

    async def work():
        plugin = plugins.plugin()
        await plugin.start()
        context = ToolContext(lambda done, *_: told.append(done), stream=pieces.append)
        assert await plugin.call("stream", {"count": 1000}, context) == 1000
        await plugin.stop(0.0)

    on_a_loop(work())
    assert pieces == list(range(1000))
    assert told[-1] == 1000
    assert len(told) < 1000


def test_a_crash_fails_the_call_and_the_plugin_starts_again(plugins, on_a_loop):
    async def work():
        plugin = plugins.plugin()
        await plugin.start()
        with pytest.raises(PluginError, match="exited with 3"):
            await plugin.call("crash", {}, ToolContext())
        assert await plugin.call("echo", {"value": "again"}, ToolContext()) == "again"
        await plugin.stop(0.0)

    on_a_loop(work())
    assert plugins.watch.ends == ["it exited with 3"]


def test_an_error_of_the_kernels_own_kinds_cannot_be_forged(plugins, on_a_loop):
    async def work():
        plugin = plugins.plugin()
        await plugin.start()
        for kind in ("TaskCancelled", "KernelClosed", "MailboxFull", "ActorDead"):
            with pytest.raises(RetinueError, match=f"{kind}: forged") as caught:
                await plugin.call("raising", {"kind": kind}, ToolContext())
            assert type(caught.value) is RetinueError
        with pytest.raises(NotFound, match="forged"):
            await plugin.call("raising", {"kind": "NotFound"}, ToolContext())
        await plugin.stop(0.0)

    on_a_loop(work())


def test_a_plugin_that_does_not_read_is_ended_before_it_fills_the_host(plugins, on_a_loop):
    async def work():
        plugin = plugins.plugin()
        await plugin.start()
        process = plugin.process
        signal.pidfd_send_signal(process.confined.pidfd, signal.SIGSTOP)
        value = {"value": "x" * (1 << 20)}
        calls = (plugin.call("length", value, ToolContext()) for _ in range(9))
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert "did not read" in str(ends[0])
        await process.gone
        await plugin.stop(0.0)

    on_a_loop(work())


def test_a_process_whose_starter_has_gone_is_ended(plugins, on_a_loop, wait_until):
    async def work():
        starting = asyncio.create_task(plugins.plugin().start())
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        await asyncio.to_thread(wait_until, lambda: plugins.spawned)
        await asyncio.to_thread(wait_until, lambda: not exists(plugins.spawned[0]))

    on_a_loop(work())


def test_a_stop_returns_when_nothing_of_the_plugin_is_left(plugins, on_a_loop):
    async def work():
        plugin = plugins.plugin()
        await plugin.start()
        pid = plugin.process.confined.pid
        await plugin.stop(0.0)
        assert not exists(pid)

    on_a_loop(work())


@examples(st.lists(st.floats(0, 20), min_size=1, max_size=30), st.floats(0, 0.999))
def test_five_crashes_within_a_minute_are_a_quarantine_and_delays_double(gaps, chance):
    crashes, now, before = Crashes(), 0.0, []
    for gap in gaps:
        now += gap
        before = [at for at in before if now - at < 60.0] + [now]
        crashes, delay = crashed(crashes, now, chance)
        assert (delay is None) == (len(before) >= 5)
        if delay is not None:
            whole = min(30.0, 0.1 * 2 ** (len(before) - 1))
            assert whole / 2 <= delay <= whole


@examples(st.lists(st.floats(0, 2), max_size=50))
def test_an_allowance_never_gives_more_than_its_rate_and_its_burst(gaps):
    allowance, now, given = Allowance(10.0, 5.0), 1.0, 0
    for gap in gaps:
        now += gap
        given += allowance.delay(now) == 0.0
    assert given <= 5 + 10.0 * (now - 1.0) + 1


def test_a_minute_has_so_many_bytes_and_what_is_over_is_counted():
    now = [0.0]
    told = []
    budget = Budget(10, lambda: now[0], lambda: told.append(now[0]))
    assert [budget.take(6), budget.take(6), budget.take(6)] == [6, 4, 0]
    assert (budget.dropped, budget.spent, told) == (8, True, [0.0])
    now[0] = 60.0
    assert budget.take(6) == 6


@examples(st.text())
def test_a_line_has_nothing_that_a_terminal_obeys(text):
    assert escaped(text).isprintable()


def test_processor_time_between_calls_is_bounded_and_a_pause_begins_anew():
    burnt = Burnt(3.0)
    spins = [burnt.is_over(cpu, 1.0, 1, busy=False) for cpu in (0.0, 1.0, 2.0, 3.0, 4.0)]
    assert spins == [False, False, False, False, True]
    burnt = Burnt(3.0)
    rests = [burnt.is_over(cpu, 1.0, 1, busy=False) for cpu in (0.0, 2.0, 2.05, 4.0, 5.0)]
    assert not any(rests)
    burnt = Burnt(3.0)
    assert not any(burnt.is_over(10.0 * n, 1.0, 1, busy=True) for n in range(9))
    burnt = Burnt(3.0)
    assert not any(burnt.is_over(2.0 * n, 1.0, n, busy=False) for n in range(9))


def test_a_plugin_that_spins_between_calls_is_ended_and_its_idle_neighbour_is_not(
    plugins, on_a_loop
):
    async def work():
        spinning, quiet = plugins.plugin(), plugins.plugin()
        for plugin in (spinning, quiet):
            await plugin.start()
            process = plugin.process
            IdleWatch(process.confined.pid, lambda: (0, False), process.kill, 0.5, 0.3)
        first = spinning.process
        await spinning.call("leave_a_thread_spinning", {}, ToolContext())
        await first.gone
        assert "processor time while no call was open" in first.reason
        assert quiet.process.reason == ""
        await spinning.stop(0.0)
        await quiet.stop(0.0)

    on_a_loop(work())


def test_honest_code_gives_no_security_event(plugins, on_a_loop):
    async def work():
        plugin = plugins.plugin()
        await plugin.start()
        done = await plugin.call("honest", {}, ToolContext())
        await plugin.stop(0.0)
        return done

    assert len(on_a_loop(work())) > 10
    assert plugins.watch.events == []


def test_a_plugin_without_a_network_is_not_made_to_hold_tls(plugins, on_a_loop):
    async def work():
        plugin = plugins.plugin()
        await plugin.start()
        assert not await plugin.call("asyncio_has_tls", {}, ToolContext())
        await plugin.stop(0.0)

    on_a_loop(work())

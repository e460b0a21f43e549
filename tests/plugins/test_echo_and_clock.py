"""The two smallest system plugins."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from retinue.bus.clock import ManualClock
from retinue.plugins import InvalidInput, UnknownAgent, agent
from retinue.plugins.system import clock, echo
from retinue.plugins.testing import PluginHarness, TestTurn


@pytest.mark.parametrize(
    "given", [{}, {"a": [1, None, {"b": "ü"}]}, {"ctx": 1, "self": 2, "_ctx": 3}]
)
def test_the_agent_echo_returns_any_input_unchanged(given):
    assert PluginHarness(echo.plugin({})).turn("echo").run(given) == given


def test_echo_say_returns_its_text():
    harness = PluginHarness(echo.plugin({}))
    assert harness.call("echo.say", text="hé") == "hé"
    with pytest.raises(InvalidInput, match=r"tool 'echo\.say'"):
        harness.call("echo.say", text=1)
    with pytest.raises(UnknownAgent, match="no agent 'shout'"):
        harness.turn("shout")


@pytest.mark.parametrize(
    ("zone", "iso"),
    [("UTC", "2001-09-09T01:46:40+00:00"), ("Europe/Berlin", "2001-09-09T03:46:40+02:00")],
)
def test_clock_now_gives_the_time_in_a_zone(zone, iso):
    harness = PluginHarness(clock.plugin({}, ManualClock(1_000_000_000.0)))
    now = harness.call("clock.now", zone=zone)
    assert now == {"epoch": 1_000_000_000.0, "iso": iso}
    assert dt.datetime.fromisoformat(now["iso"]).timestamp() == now["epoch"]


@pytest.mark.parametrize("zone", ["Mars", "../../etc/passwd", "/etc/localtime", "", "a\0b"])
def test_an_unknown_time_zone_is_refused(zone):
    with pytest.raises(InvalidInput, match="no time zone"):
        PluginHarness(clock.plugin({})).call("clock.now", zone=zone)


@pytest.mark.parametrize("seconds", [-1, 10.1, 1e300])
def test_a_sleep_outside_the_limit_is_refused(seconds):
    with pytest.raises(InvalidInput, match=r"outside 0 to 10.0 s"):
        PluginHarness(clock.plugin({"max_sleep": 10})).call("clock.sleep", seconds=seconds)


def test_a_sleep_waits_and_says_how_long():
    assert PluginHarness(clock.plugin({})).call("clock.sleep", seconds=0.001) >= 0.001


def test_a_cancel_ends_a_sleep_at_once():
    started = asyncio.Event()

    @agent(tools=["clock.*"])
    async def sleeper(ctx):
        started.set()
        await ctx.call("clock.sleep", seconds=3000)

    async def cancel_it():
        turn = TestTurn(sleeper, tools=clock.plugin({}).tools)
        running = asyncio.create_task(turn.run_async())
        await started.wait()
        running.cancel()
        await asyncio.wait([running])
        return turn

    turn = asyncio.run(cancel_it())
    assert turn.types == ["tool.called", "tool.returned"]
    assert turn.events[1].error.startswith("CancelledError")

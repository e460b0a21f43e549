"""Plugins in processes of their own, from a folder to a call: asked about, granted, loaded, replaced."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from retinue.bus.errors import Denied, InvalidInput, NotFound, PluginError, UnknownTool
from retinue.bus.journal import Filter
from retinue.kernel import Config, Kernel
from retinue.kernel.config import SandboxConfig
from retinue.plugins import agent

HELLO = """
@tool
async def hello(name: str = "you") -> str:
    "Greet somebody."
    return f"hello {name}"
"""
WAIT = """
import asyncio
from pathlib import Path

@tool
async def wait(ctx: ToolContext) -> str:
    "Wait until the gate is open."
    ctx.progress(1)
    while not Path("GATE").exists():
        await asyncio.sleep(0.01)
    return "VERSION"
"""


def said(kernel, *types):
    """The data of the events so far that have one of these types."""
    return [e.data for e in kernel.events(only=Filter(types=types), follow=False)]


def wait_for(kernel, type, count=1):
    """Wait for so many events of a type."""
    found = filter(None, kernel.events(only=Filter(types=(type,))))
    return next(islice(found, count - 1, None))


def test_a_plugin_is_loaded_by_an_operators_word_and_called_by_operators_and_agents(kernel, guest):
    @agent(tools=["guest.hello"])
    async def host(ctx):
        return await ctx.call("guest.hello", name="agent")

    guest.load(kernel, HELLO)
    kernel.spawn("host", host)
    assert kernel.invoke("guest.hello", {"name": "operator"}) == "hello operator"
    assert kernel.submit("host").result(timeout=20) == "hello agent"
    view = guest.view(kernel)
    assert (view.state, view.level, view.source, view.calls) == (
        "running",
        "standard",
        "operator",
        2,
    )
    assert set(view.layers) - {"cgroup"} == {"namespaces", "landlock", "seccomp"}
    types = [e.type for e in kernel.events(only=Filter(types=("plugin.*",)), follow=False)]
    assert types[-3:] == ["plugin.granted", "plugin.started", "plugin.loaded"]


def test_a_plugin_that_nobody_approved_is_refused_with_what_it_asks_for(kernel, guest, tmp_path):
    asks = f'[permissions]\nread = ["{tmp_path}"]\n'
    folder = guest.write(HELLO, manifest=asks)
    with pytest.raises(Denied, match=f"asks to: read {tmp_path}. Approve exactly"):
        kernel.load_plugin(folder)
    with pytest.raises(Denied):
        kernel.load_plugin(folder, approve="0" * 64)
    wait_for(kernel, "security.denied", 2)
    assert {denied["rule"] for denied in said(kernel, "security.denied")} == {"grant.approval"}
    assert "guest" not in [view.name for view in kernel.plugins()]
    assert said(kernel, "plugin.started") == []


def test_a_grant_holds_for_the_content_that_was_approved_and_for_no_other(kernel, guest):
    first = guest.load(kernel, HELLO)
    assert kernel.load_plugin(guest.path).granted
    guest.write(HELLO + "\n# one line more")
    proposal = kernel.propose_plugin(guest.path)
    assert (proposal.granted, proposal.before, proposal.digest == first) == (False, "1.0", False)
    with pytest.raises(Denied, match="not approved"):
        kernel.load_plugin(guest.path, approve=first)
    assert guest.view(kernel).digest == first
    assert kernel.invoke("guest.hello") == "hello you"


def test_what_is_asked_for_beyond_the_last_grant_is_told_apart(kernel, guest, tmp_path):
    guest.load(kernel, HELLO, manifest=f'[permissions]\nread = ["{tmp_path}"]\n')
    more = f'[permissions]\nread = ["{tmp_path}"]\nenv = ["TZ"]\n'
    proposal = kernel.propose_plugin(guest.write(HELLO, "1.1", more))
    assert proposal.asks == (f"read {tmp_path}", "see the environment variable TZ")
    assert proposal.wider == ("see the environment variable TZ",)


def test_a_folder_that_is_not_taken_in_gives_an_event(kernel, guest):
    guest.write(HELLO)
    (guest.path / "link").symlink_to("/etc/passwd")
    with pytest.raises(PluginError, match="link"):
        kernel.propose_plugin(guest.path)
    denied = wait_for(kernel, "security.denied").data
    assert (denied["layer"], denied["resource"]) == ("admission", str(guest.path))


def test_a_plugin_cannot_take_the_name_of_one_of_the_kernels_own(kernel, guest, ended):
    guest.name = "clock"
    with pytest.raises(InvalidInput, match="own is named 'clock'"):
        guest.load(kernel, HELLO)
    assert kernel.invoke("clock.now")["epoch"] > 0
    assert ended(said(kernel, "plugin.started")[-1]["pid"])


def test_a_version_that_cannot_start_leaves_the_one_that_runs(kernel, guest):
    guest.load(kernel, HELLO)
    with pytest.raises(Exception, match="no luck"):
        guest.load(kernel, "raise ValueError('no luck')", "2.0")
    assert guest.view(kernel).version == "1.0"
    assert kernel.invoke("guest.hello") == "hello you"


def test_calls_in_flight_end_on_the_old_version_and_new_ones_go_to_the_new(kernel, gate, ended):
    gate.load(kernel, "old", "1.0")
    old = gate.view(kernel).pid
    with ThreadPoolExecutor(100) as pool:
        calls = [pool.submit(kernel.invoke, "guest.wait") for _ in range(100)]
        wait_for(kernel, "tool.progress", 100)
        gate.load(kernel, "new", "2.0")
        assert gate.view(kernel).version == "2.0"
        assert not any(call.done() for call in calls)
        gate.open()
        assert kernel.invoke("guest.wait") == "new"
        assert [call.result(20) for call in calls] == ["old"] * 100
    assert ended(old)


def test_no_call_is_lost_while_one_version_after_another_takes_the_place(kernel, guest):
    guest.load(kernel, HELLO)
    over = threading.Event()

    def call_on():
        count = 0
        while not over.is_set():
            assert kernel.invoke("guest.hello") == "hello you"
            count += 1
        return count

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(call_on) for _ in range(8)]
        try:
            for version in range(2, 6):
                guest.load(kernel, HELLO, f"{version}.0")
        finally:
            over.set()
        assert all(call.result(20) for call in calls)
    assert said(kernel, "plugin.exited") == []
    assert guest.view(kernel).version == "5.0"


def test_calls_in_flight_end_before_a_plugin_is_unloaded(kernel, gate, ended):
    gate.load(kernel, "done", "1.0")
    pid, hosted = gate.view(kernel).pid, kernel._live.hosted
    plugin = hosted.plugins["guest"]
    with ThreadPoolExecutor(101) as pool:
        calls = [pool.submit(kernel.invoke, "guest.wait") for _ in range(100)]
        wait_for(kernel, "tool.progress", 100)
        unloaded = pool.submit(kernel.unload_plugin, "guest")
        wait_for(kernel, "plugin.unloaded")
        with pytest.raises(UnknownTool):
            kernel.invoke("guest.wait")
        while plugin.state != "stopped":
            hosted.hosts.run(turns(), 10)
        hosted.hosts.run(turns(), 10)
        assert not any(call.done() for call in calls)
        gate.open()
        assert [call.result(20) for call in calls] == ["done"] * 100
        unloaded.result(20)
    assert ended(pid)
    assert "guest" not in [view.name for view in kernel.plugins()]
    with pytest.raises(NotFound, match="guest"):
        kernel.unload_plugin("guest")


def test_an_unload_without_patience_fails_what_is_in_flight(kernel, gate, ended):
    gate.load(kernel, "never", "1.0")
    pid = gate.view(kernel).pid
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(kernel.invoke, "guest.wait")
        wait_for(kernel, "tool.progress")
        kernel.unload_plugin("guest", drain=0.0)
        with pytest.raises(PluginError, match="stopped"):
            waiting.result(20)
    assert ended(pid)


def test_a_revoked_grant_ends_the_plugin_at_once_and_is_asked_for_again(kernel, gate, ended):
    gate.load(kernel, "never", "1.0")
    pid = gate.view(kernel).pid
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(kernel.invoke, "guest.wait")
        wait_for(kernel, "tool.progress")
        kernel.revoke_plugin("guest", "its maker is not known any more")
        with pytest.raises(PluginError, match="stopped"):
            waiting.result(20)
    assert ended(pid)
    assert said(kernel, "plugin.revoked")[0]["reason"] == "its maker is not known any more"
    with pytest.raises(Denied, match="not approved"):
        kernel.load_plugin(gate.folder.path)
    with pytest.raises(NotFound, match="guest"):
        kernel.revoke_plugin("guest")


def test_what_a_call_tells_and_prints_before_its_end_is_written_down(kernel, guest):
    guest.load(
        kernel,
        """
@tool
async def work(ctx: ToolContext) -> int:
    ctx.progress(1, 2, "half")
    ctx.stream({"piece": [1]})
    print("a line\\x1b[31m")
    return 7
""",
    )
    assert kernel.invoke("guest.work") == 7
    wait_for(kernel, "tool.returned")
    [progress], [output] = said(kernel, "tool.progress"), said(kernel, "tool.output")
    assert (progress["done"], progress["note"], output["value"]) == (1, "half", {"piece": [1]})
    assert wait_for(kernel, "plugin.logged").data["line"] == "a line\\x1b[31m"


def test_what_an_agents_plugin_is_refused_names_the_rule_and_the_whole_chain(kernel, guest):
    @agent(tools=["guest.steal"])
    async def thief(ctx):
        return await ctx.call("guest.steal")

    guest.load(
        kernel,
        """
@tool
async def steal(ctx: ToolContext):
    return await ctx.host.ask("fs.read", {"path": "/etc/shadow"})
""",
    )
    kernel.spawn("thief", thief)
    with pytest.raises(Exception, match="may not read '/etc/shadow'"):
        kernel.submit("thief").result(timeout=20)
    [denied] = said(kernel, "security.denied")
    assert (denied["rule"], denied["layer"]) == ("fs.read", "mediation")
    assert denied["principals"] == ["plugin:guest", "agent:thief"]


def test_fewer_walls_are_the_operators_choice_alone_and_said_aloud(guest):
    trusting = SandboxConfig(level="limits", minimum="standard", trusted=("guest",))
    with Kernel(config=Config(sandbox=trusting)) as kernel:
        guest.load(kernel, HELLO)
        assert kernel.invoke("guest.hello") == "hello you"
        assert [d["level"] for d in said(kernel, "security.degraded")] == ["limits"]
        assert guest.view(kernel).level == "limits"
    with (
        Kernel(config=Config(sandbox=SandboxConfig(level="limits"))) as kernel,
        pytest.raises(PluginError, match="below the minimum"),
    ):
        guest.load(kernel, HELLO)


async def turns():
    """Some turns of the loop: what is to happen at once has happened then."""
    for _ in range(20):
        await asyncio.sleep(0)


class Gate:
    """A plugin whose calls wait until a file is there, in a folder that it may read."""

    def __init__(self, folder, place):
        self.folder, self.place, self.view = folder, place, folder.view
        place.mkdir(mode=0o755)

    def load(self, kernel, says, version):
        code = WAIT.replace("GATE", str(self.place / "open")).replace("VERSION", says)
        self.folder.load(kernel, code, version, f'[permissions]\nread = ["{self.place}"]\n')

    def open(self):
        (self.place / "open").touch()


@pytest.fixture
def gate(guest, tmp_path):
    return Gate(guest, tmp_path / "gate")

"""Servers made with the official packages, as plugins that an agent calls."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from retinue.bus.errors import DeadlineExceeded, TaskCancelled, ToolError
from retinue.plugins import agent

from .conftest import BASE, HERE, OFFICIAL

LIMITS = "[limits]\ncall_seconds = 2.0\n"
NODE = "[limits]\ndescriptors = 512\n"


@pytest.fixture
def python_server(server, official, kernel):
    """The official Python package's server, loaded."""
    read = [OFFICIAL] if Path("/usr") == BASE else [OFFICIAL, BASE]
    script = HERE / "servers" / "official.py"
    server.write([official, "{plugin}/server.py"], read=read, script=script, more=LIMITS)
    server.load(kernel)
    return server


@pytest.fixture
def node_server(server, everything, kernel):
    """A server of the npm registry's, loaded."""
    script = everything / "@modelcontextprotocol/server-everything/dist/index.js"
    node = Path(shutil.which("node")).resolve()
    beside = [] if node.is_relative_to("/usr/bin") else [node.parents[1]]
    server.write([node, script, "stdio"], read=[everything, *beside], more=NODE)
    server.load(kernel)
    return server


@agent(tools=["there.steps", "there.wait", "there.add"])
async def caller(ctx, tool: str, args: dict) -> object:
    """Call one tool of the server's."""
    return await ctx.call(f"there.{tool}", **args)


def progress(handle):
    return [
        (event.data["done"], event.data["total"], event.data.get("note", ""))
        for event in handle.events(timeout=20.0)
        if event.type == "tool.progress"
    ]


def test_a_server_of_the_official_package_runs_behind_every_wall(python_server, kernel):
    view = python_server.view(kernel)
    assert (view.runtime, view.level, view.state) == ("mcp", "strict", "running")
    assert set(view.layers) >= {"bwrap", "namespaces", "landlock", "seccomp"}
    assert view.tools["there.add"]["description"] == "Add two numbers."
    assert view.tools["there.add"]["effect"] == "once"


def test_an_agent_calls_it_and_its_progress_is_seen(python_server, kernel):
    kernel.spawn("caller", caller)
    handle = kernel.submit("caller", {"tool": "steps", "args": {"count": 3}})
    assert handle.result(timeout=20.0) == {"result": "done"}
    assert progress(handle) == [(float(n), 3.0, f"step {n}") for n in (1, 2, 3)]


def test_a_cancel_reaches_the_server_which_goes_on(python_server, kernel, wait_until):
    kernel.spawn("caller", caller)
    pid = python_server.view(kernel).pid
    handle = kernel.submit("caller", {"tool": "wait", "args": {}})
    wait_until(lambda: python_server.view(kernel).calls == 1)
    handle.cancel("enough")
    with pytest.raises(TaskCancelled):
        handle.result(timeout=20.0)
    assert python_server.call(kernel, "add", {"a": 1, "b": 2}) == {"result": 3}
    assert python_server.view(kernel).pid == pid


def test_a_server_that_hangs_is_ended_at_the_deadline_and_started_again(
    python_server, kernel, wait_until
):
    pid = python_server.view(kernel).pid
    with pytest.raises(DeadlineExceeded):
        python_server.call(kernel, "hang")
    wait_until(lambda: python_server.view(kernel).pid != pid)
    assert python_server.call(kernel, "add", {"a": 1, "b": 2}) == {"result": 3}
    assert python_server.view(kernel).pid != pid


def test_what_a_tool_raises_reaches_the_caller(python_server, kernel):
    with pytest.raises(ToolError, match="as it was meant to"):
        python_server.call(kernel, "fail")


def test_a_file_that_was_not_granted_is_not_there(python_server, kernel):
    with pytest.raises(ToolError, match=r"No such file|Permission denied"):
        python_server.call(kernel, "reach", {"path": "/etc/passwd"})


def test_a_server_of_the_npm_registry_runs_behind_every_wall(node_server, kernel):
    view = node_server.view(kernel)
    assert (view.level, view.state) == ("strict", "running")
    assert node_server.call(kernel, "echo", {"message": "hello"}) == "Echo: hello"
    environment = node_server.call(kernel, "get-env")
    assert "PATH" in environment
    assert "HOME=/root" not in environment
    assert not any(e.type == "plugin.exited" for e in kernel.events(follow=False))


@agent(tools=["there.trigger-long-running-operation"])
async def patient(ctx) -> str:
    """Call what takes long, and reports how far it is."""
    return await ctx.call("there.trigger-long-running-operation", duration=0.3, steps=3)


def test_an_agent_calls_the_npm_server_and_its_progress_is_seen(node_server, kernel):
    kernel.spawn("patient", patient)
    handle = kernel.submit("patient")
    assert "3" in handle.result(timeout=20.0)
    assert [done for done, _, _ in progress(handle)] == [1.0, 2.0, 3.0]


def test_a_cancel_reaches_the_npm_server_which_goes_on(node_server, kernel, wait_until):
    @agent(tools=["there.trigger-long-running-operation"])
    async def waits(ctx) -> str:
        """Call what takes a minute."""
        return await ctx.call("there.trigger-long-running-operation", duration=60, steps=2)

    kernel.spawn("waits", waits)
    pid = node_server.view(kernel).pid
    handle = kernel.submit("waits")
    wait_until(lambda: node_server.view(kernel).calls == 1)
    handle.cancel("enough")
    with pytest.raises(TaskCancelled):
        handle.result(timeout=20.0)
    assert node_server.call(kernel, "echo", {"message": "still"}) == "Echo: still"
    assert node_server.view(kernel).pid == pid

"""Servers made with the official packages, as plugins that an agent calls."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from retinue.bus.errors import DeadlineExceeded, TaskCancelled, ToolError
from retinue.kernel import Kernel
from retinue.plugins import agent

from .conftest import BASE, HERE, OFFICIAL, Server

LIMITS = "[limits]\ncall_seconds = 2.0\nstart_seconds = 30.0\n"
NODE = "[limits]\ndescriptors = 512\nstart_seconds = 30.0\n"


@pytest.fixture(scope="module")
def kernel():
    """One for all tests here: these servers take their time to start."""
    with Kernel() as running:
        yield running


@pytest.fixture(scope="module")
def python_server(official, kernel, tmp_path_factory):
    """The official Python package's server, loaded."""
    server = Server(tmp_path_factory.mktemp("python") / "there", "there")
    read = [OFFICIAL] if Path("/usr") == BASE else [OFFICIAL, BASE]
    script = HERE / "servers" / "official.py"
    server.write([official, "{plugin}/server.py"], read=read, script=script, more=LIMITS)
    server.load(kernel)
    kernel.spawn("caller", caller, tools=["there.*"])
    return server


@pytest.fixture(scope="module")
def node_server(everything, kernel, tmp_path_factory):
    """A server of the npm registry's, loaded."""
    server = Server(tmp_path_factory.mktemp("node") / "everywhere", "everywhere")
    script = everything / "@modelcontextprotocol/server-everything/dist/index.js"
    node = Path(shutil.which("node")).resolve()
    beside = [] if node.is_relative_to("/usr/bin") else [node.parents[1]]
    server.write([node, script, "stdio"], read=[everything, *beside], more=NODE)
    server.load(kernel)
    kernel.spawn("far", caller, tools=["everywhere.*"])
    return server


LONG = "everywhere.trigger-long-running-operation"


@agent
async def caller(ctx, tool: str, args: dict) -> object:
    """Call one tool of a server's."""
    return await ctx.call(tool, **args)


def begun(handle, tool):
    """Wait until the tool has told how far it is."""
    for event in handle.events(timeout=30.0):
        if event.type == "tool.progress" and event.data["tool"] == tool:
            return


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
    handle = kernel.submit("caller", {"tool": "there.steps", "args": {"count": 3}})
    assert handle.result(timeout=20.0) == {"result": "done"}
    assert progress(handle) == [(float(n), 3.0, f"step {n}") for n in (1, 2, 3)]


def test_a_cancel_reaches_the_server_which_goes_on(python_server, kernel, wait_until):
    pid = python_server.view(kernel).pid
    handle = kernel.submit("caller", {"tool": "there.wait", "args": {}})
    begun(handle, "there.wait")
    handle.cancel("enough")
    with pytest.raises(TaskCancelled):
        handle.result(timeout=20.0)
    wait_until(lambda: python_server.call(kernel, "cancels") == {"result": 1})
    assert python_server.view(kernel).pid == pid


def test_a_server_that_hangs_is_ended_at_the_deadline_and_started_again(
    python_server, kernel, wait_until
):
    pid = python_server.view(kernel).pid
    with pytest.raises(DeadlineExceeded):
        python_server.call(kernel, "hang")
    wait_until(lambda: starts(kernel) == 2, 30.0)
    assert python_server.call(kernel, "add", {"a": 1, "b": 2}) == {"result": 3}
    assert python_server.view(kernel).pid != pid


def starts(kernel):
    events = kernel.events(follow=False)
    return len([e for e in events if e.type == "plugin.started" and e.data["name"] == "there"])


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
    events = list(kernel.events(follow=False))
    assert not [e for e in events if e.type == "plugin.exited" and e.data["name"] == "everywhere"]
    assert not [e for e in events if e.type == "security.denied" and "everywhere" in str(e.data)]


def test_an_agent_calls_the_npm_server_and_its_progress_is_seen(node_server, kernel):
    handle = kernel.submit("far", {"tool": LONG, "args": {"duration": 0.3, "steps": 3}})
    assert "3" in handle.result(timeout=20.0)
    assert [done for done, _, _ in progress(handle)] == [1.0, 2.0, 3.0]


def test_a_cancel_reaches_the_npm_server_which_goes_on(node_server, kernel):
    pid = node_server.view(kernel).pid
    handle = kernel.submit("far", {"tool": LONG, "args": {"duration": 25, "steps": 100}})
    begun(handle, LONG)
    handle.cancel("enough")
    with pytest.raises(TaskCancelled):
        handle.result(timeout=20.0)
    assert node_server.call(kernel, "echo", {"message": "still"}) == "Echo: still"
    assert node_server.view(kernel).pid == pid

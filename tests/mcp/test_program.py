"""Programs of any language as plugins, that speak JSON lines on stdin and stdout."""

from __future__ import annotations

import asyncio
import time

import pytest

from retinue.bus.errors import DeadlineExceeded, PluginError, RetinueError, ToolError
from retinue.plugins import ToolContext, agent
from retinue.plugins.sandbox.ready import ready

from .conftest import HERE

NAMES = (
    "fill",
    "share",
    "zero",
    "count",
    "fail",
    "look",
    "wait",
    "hang",
    "stray",
    "foreign",
    "again",
    "two",
)
TOOLS = "".join(f'[[tools]]\nname = "{name}"\neffect = "none"\n' for name in NAMES)
LIMITS = "[limits]\nmemory_bytes = 134217728\n"


@pytest.fixture
def program(server, plain, kernel):
    """``program(mode)``: the program beside this file, as a plugin; ``seconds`` as for ``hostile``."""
    python, read = plain

    def load(mode="honest", seconds=(20.0, 30.0)):
        bounds = f"call_seconds = {seconds[0]}\nstart_seconds = {seconds[1]}\n"
        command = [python, "-S", "{plugin}/server.py", mode]
        script = HERE / "servers" / "program.py"
        server.write(
            command, read=read, script=script, runtime="exec", more=TOOLS + LIMITS + bounds
        )
        server.load(kernel)
        return server

    return load


def test_an_agent_calls_a_program_and_sees_its_progress_and_its_output(program, kernel):
    @agent(tools=["there.count"])
    async def counts(ctx) -> int:
        """Count."""
        return await ctx.call("there.count", upto=2)

    program()
    kernel.spawn("counts", counts)
    handle = kernel.submit("counts")
    assert handle.result(timeout=20.0) == 2
    told = [e for e in handle.events(timeout=20.0) if e.type in ("tool.progress", "tool.output")]
    assert [e.type for e in told] == ["tool.progress", "tool.output"] * 2
    assert [e.data["value"] for e in told[1::2]] == [{"number": 1}, {"number": 2}]


def test_a_program_s_error_is_one_clean_line(program, kernel):
    with pytest.raises(ToolError, match=r"^as it was meant to\\x0a\\x1b\[2J$"):
        program().call(kernel, "fail")


def test_a_program_s_environment_is_built_from_nothing(program, kernel):
    seen = program().call(kernel, "look")
    assert "HOME" in seen["environment"]
    assert "VIRTUAL_ENV" not in seen["environment"]
    assert seen["folder"] == "/tmp"


def test_an_answer_that_comes_as_its_call_is_cancelled_leaves_no_doubt(program, kernel):
    async def raced(plugin):
        waiting = asyncio.ensure_future(plugin.call("look", {}, ToolContext()))
        while not plugin.process.open_calls:  # noqa: ASYNC110 - it is sent at the next turn
            await asyncio.sleep(0)
        assert ready([plugin.process.confined.stdio.fileno()], 10.0)[0]  # its answer is there
        waiting.cancel()
        plugin.process._wire.read()  # before the call goes on
        await asyncio.gather(waiting, return_exceptions=True)
        return await plugin.call("count", {"upto": 1}, ToolContext(deadline=time.time() + 5.0))

    server = program()
    pid, hosted = server.view(kernel).pid, kernel._live.hosted
    assert hosted.hosts.run(raced(hosted.plugins["there"]), 10.0) == 1
    assert server.view(kernel).pid == pid


@pytest.mark.parametrize(
    ("tool", "told"),
    [("fill", "no more memory"), ("share", "nothing to share"), ("zero", "no zeros")],
)
def test_a_program_s_memory_is_bounded_whichever_way_it_asks_for_it(program, kernel, tool, told):
    with pytest.raises(ToolError, match=told):
        program().call(kernel, tool)


def test_a_program_that_ends_its_call_when_told_to_keeps_its_process(program, kernel):
    server = program(seconds=(1.0, 30.0))
    pid = server.view(kernel).pid
    with pytest.raises(DeadlineExceeded):
        server.call(kernel, "wait")
    assert server.call(kernel, "count", {"upto": 1}) == 1
    assert server.view(kernel).pid == pid


def test_a_program_that_hangs_is_ended_and_the_next_call_waits_for_another(program, kernel):
    server = program(seconds=(3.0, 30.0))
    pid = server.view(kernel).pid
    with pytest.raises(DeadlineExceeded):
        server.call(kernel, "hang")
    assert server.call(kernel, "count", {"upto": 1}) == 1
    assert server.view(kernel).pid != pid


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        ("stray", "none of its protocol"),
        ("foreign", "which is not open"),
        ("again", "said twice that it is ready"),
        ("two", "not one of ready, result"),
    ],
)
def test_what_is_no_line_of_the_protocol_ends_the_process(
    program, kernel, denials, wait_until, tool, told
):
    with pytest.raises(PluginError, match="process has ended"):
        program().call(kernel, tool)
    wait_until(lambda: any(told in detail for detail in denials()))


@pytest.mark.parametrize(
    ("mode", "told"), [("silent", "did not say"), ("early", 'has to say {"ready": true} first')]
)
def test_a_program_that_is_not_ready_is_not_loaded(program, kernel, mode, told):
    with pytest.raises(RetinueError, match=told):
        program(mode, (1.0, 3.0))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["nowhere"], "cannot be run: No such file or directory"),
        (["bin/python3"], "absolute path"),
        (["/usr/bin/../bin/python3"], r"absolute path without '\.\.'"),
        (["/bin/sh"], "may not read"),
        (["{plugin}/server.sh"], "is a script"),
        (["{plugin}/plugin.toml"], "is not a program"),
    ],
)
def test_a_command_that_cannot_be_run_is_refused_with_the_remedy(server, kernel, command, told):
    server.write(command, runtime="exec", more=TOOLS)
    (server.folder / "server.sh").write_text("#!/bin/sh\n")
    (server.folder / "server.sh").chmod(0o755)
    with pytest.raises(PluginError, match=told):
        server.load(kernel)


def test_a_program_without_tools_is_refused(server, kernel):
    server.write(["python3"], runtime="exec")
    with pytest.raises(PluginError, match="needs its tools named"):
        kernel.propose_plugin(server.folder)

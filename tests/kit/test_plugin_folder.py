"""A plugin's folder without a kernel: the same from here and from behind its walls."""

from __future__ import annotations

import sys

import pytest

from retinue.bus.errors import Denied, InvalidInput, NotFound, PluginError, ToolError
from retinue.plugins import UnknownTool
from retinue.plugins.testing import PluginFolder

CODE = """
import os
from collections.abc import Mapping
from retinue.plugins import Plugin, ToolContext, tool
from kit_helper import SHOUT

def plugin(settings: Mapping) -> Plugin:
    @tool
    async def read(ctx: ToolContext, path: str) -> str:
        found = await ctx.host.ask("fs.read", {"path": path})
        ctx.progress(1, 1, "read")
        ctx.stream({"size": len(found)})
        return found + SHOUT * settings["shouts"]

    @tool
    def plain(ctx: ToolContext, path: str) -> str:
        return ctx.host.wait("fs.read", {"path": path})

    @tool
    async def fail(kind: str) -> None:
        if kind == "exit":
            os._exit(3)
        raise ValueError("no luck") if kind == "value" else InvalidInput("no such kind")

    return Plugin("kit", "1.0", [read, plain, fail])

from retinue.plugins import InvalidInput
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("kit")
    manifest = 'name = "kit"\nversion = "1.0"\nentry = "kit_code:plugin"\n[settings]\nshouts = 1\n'
    (path / "plugin.toml").write_text(manifest)
    (path / "kit_code.py").write_text(CODE)
    (path / "kit_helper.py").write_text('SHOUT = "!"\n')
    return path


@pytest.fixture(params=[False, True], ids=["here", "sandboxed"])
def opened(request, folder):
    def make(**options):
        return PluginFolder(folder, sandboxed=request.param, **options)

    return make


def test_a_tool_gets_what_the_test_scripts_for_its_host(opened):
    with opened(host={"fs.read": lambda params: f"what {params['path']} holds"}) as plugin:
        assert plugin.tools == ["read", "plain", "fail"]
        assert plugin.call("read", path="/a") == "what /a holds!"
        assert plugin.call("kit.plain", path="/b") == "what /b holds"
        assert plugin.asked == [("fs.read", {"path": "/a"}), ("fs.read", {"path": "/b"})]
        assert (plugin.progress, plugin.streamed) == ([(1, 1, "read")], [{"size": 13}])


def test_what_is_not_scripted_is_refused_and_a_scripted_error_is_raised(opened):
    with opened() as plugin, pytest.raises(Denied, match=r"scripts no 'fs\.read'"):
        plugin.call("read", path="/a")
    with (
        opened(host={"fs.read": NotFound("no such file")}) as plugin,
        pytest.raises(NotFound, match="no such file"),
    ):
        plugin.call("read", path="/a")


def test_errors_and_arguments_are_what_a_kernel_would_see(opened):
    with opened(settings={"shouts": 3}, host={"fs.read": "a"}) as plugin:
        assert plugin.call("read", path="/a") == "a!!!"
        with pytest.raises(InvalidInput, match="path"):
            plugin.call("read", path=7)
        with pytest.raises(ToolError, match=r"kit\.fail: ValueError: no luck"):
            plugin.call("fail", kind="value")
        with pytest.raises(InvalidInput, match="no such kind"):
            plugin.call("fail", kind="other")
        with pytest.raises(UnknownTool, match="read, plain, fail"):
            plugin.call("nothing")


def test_a_process_that_ends_in_a_call_fails_it(folder):
    with (
        PluginFolder(folder, sandboxed=True) as plugin,
        pytest.raises(PluginError, match="exited with 3"),
    ):
        plugin.call("fail", kind="exit")


def test_nothing_of_the_plugin_stays_imported(folder):
    before, path = set(sys.modules), list(sys.path)
    with PluginFolder(folder, host={"fs.read": ""}) as plugin:
        plugin.call("read", path="/a")
        assert "kit_helper" in sys.modules
    assert [n for n in sys.modules if n.startswith("kit_")] == []
    assert (sys.path, "kit_code" in before) == (path, False)


def test_a_command_is_started_by_its_own_test(tmp_path):
    (tmp_path / "plugin.toml").write_text(
        'name = "server"\nversion = "1"\nruntime = "mcp"\ncommand = ["/bin/cat"]\n'
    )
    with pytest.raises(InvalidInput, match="start it in its test"):
        PluginFolder(tmp_path)

"""What no plugin is granted, whatever an operator says yes to."""

from __future__ import annotations

import pytest

from retinue.bus.errors import ConfigError, Denied
from retinue.kernel import Kernel
from retinue.kernel.ceiling import beyond, ceiling_of, within
from retinue.kernel.config import Config, SandboxConfig
from retinue.plugins.manifest.model import NetRule, Permissions

MANIFEST = """
name = "reader"
version = "1.0"
entry = "reader"
[permissions]
read = ["{inside}", "{outside}"]
"""
CODE = """
from retinue.plugins import tool


@tool
async def look(ctx, path: str) -> str:
    return (await ctx.files.read(path)).decode()
"""


@pytest.fixture
def reader(tmp_path):
    """A plugin that asks for two folders, and the two."""
    folders = [tmp_path / "inside", tmp_path / "outside"]
    for folder in folders:
        folder.mkdir()
        (folder / "a.txt").write_text(folder.name)
    plugin = tmp_path / "reader"
    plugin.mkdir()
    (plugin / "plugin.toml").write_text(MANIFEST.format(inside=folders[0], outside=folders[1]))
    (plugin / "reader.py").write_text(CODE)
    return plugin, *folders


def test_a_plugin_is_granted_nothing_beyond_the_ceiling(reader):
    plugin, inside, outside = reader
    config = Config(sandbox=SandboxConfig(allow={"read": [str(inside)]}))
    with Kernel(config=config) as kernel:
        proposal = kernel.propose_plugin(plugin)
        assert proposal.asks == (f"read {inside}",)
        assert proposal.refused == (f"read {outside}",)
        kernel.load_plugin(plugin, approve=proposal.digest)
        assert kernel.invoke("reader.look", {"path": f"{inside}/a.txt"}) == "inside"
        with pytest.raises(Denied, match="may not read"):
            kernel.invoke("reader.look", {"path": f"{outside}/a.txt"})


def test_a_ceiling_that_was_lowered_holds_for_what_was_granted_before(reader, tmp_path):
    plugin, inside, outside = reader
    state = str(tmp_path / "state")
    with Kernel(config=Config(state_dir=state)) as kernel:
        kernel.load_plugin(plugin, approve=kernel.propose_plugin(plugin).digest)
        assert kernel.invoke("reader.look", {"path": f"{outside}/a.txt"}) == "outside"
    lower = SandboxConfig(allow={"read": [str(inside)]})
    with (
        Kernel(config=Config(state_dir=state, sandbox=lower)) as kernel,
        pytest.raises(Denied, match="may not read"),
    ):
        kernel.invoke("reader.look", {"path": f"{outside}/a.txt"})


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"reads": ["/data"]}, "sandbox.allow: .*unknown field `reads`"),
        ({"read": ["data"]}, "sandbox.allow: .*absolute path"),
        ({"net": [{"host": "*.com"}]}, "sandbox.allow: .*covers too much"),
    ],
)
def test_a_ceiling_that_cannot_be_read_stops_the_start(table, says):
    with pytest.raises(ConfigError, match=says):
        Kernel(config=Config(sandbox=SandboxConfig(allow=table))).start()


def test_without_a_ceiling_all_that_is_asked_for_may_be_granted():
    asked = Permissions(read=("/data",), net=(NetRule(host="a.example.org"),))
    assert within(asked, ceiling_of({})) == asked
    assert beyond(asked, ceiling_of({})) == ()


def test_a_ceiling_covers_what_lies_beneath_it():
    ceiling = ceiling_of({"read": ["/data"], "net": [{"host": "*.example.org"}]})
    asked = Permissions(
        read=("/data/a", "/other"), net=(NetRule(host="a.example.org"), NetRule(host="evil.org"))
    )
    assert within(asked, ceiling).read == ("/data/a",)
    assert beyond(asked, ceiling) == ("fetch from evil.org:443 with GET", "read /other")

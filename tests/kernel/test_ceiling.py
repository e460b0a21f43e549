"""What no plugin and no agent is granted, whatever else is said."""

from __future__ import annotations

import pytest

from retinue.bus.errors import ConfigError, Denied, InvalidInput
from retinue.bus.journal import Filter
from retinue.kernel import Kernel
from retinue.kernel.ceiling import beyond, ceiling_of, within
from retinue.kernel.config import Config, SandboxConfig
from retinue.plugins import AgentSpec
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


AGENTS = """
from pathlib import Path
from retinue.plugins import agent


@agent(isolation="process", permissions={{"read": ["{inside}", "{outside}"]}})
def look(ctx, path: str) -> str:
    try:
        return Path(path, "a.txt").read_text()
    except OSError as error:
        return type(error).__name__
"""


@pytest.fixture
def looker(reader):
    """An agent whose code asks for two folders, and the two."""
    plugin, inside, outside = reader
    code = plugin.parent / "looker.py"
    code.write_text(AGENTS.format(inside=inside, outside=outside))
    return AgentSpec.load(f"{code}:look"), inside, outside


def seen(kernel, *folders, name="look"):
    tasks = [kernel.submit(name, {"path": str(folder)}) for folder in folders]
    return [task.result(timeout=30) for task in tasks]


def told(kernel, type):
    """The first event of a type."""
    events = kernel.events(only=Filter(types=(type,)))
    return next(event for event in events if event is not None)


def test_permissions_of_a_spawn_take_the_place_of_those_of_the_code(kernel, looker, tmp_path):
    look, inside, outside = looker
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text("other")
    assert kernel.spawn("look", look).permissions == (f"read {inside}", f"read {outside}")
    view = kernel.spawn("less", look, permissions={"read": [str(inside)]})
    assert view.permissions == (f"read {inside}",)
    assert seen(kernel, inside, outside, name="less") == ["inside", "FileNotFoundError"]
    kernel.spawn("none", look, permissions={})
    assert seen(kernel, inside, name="none") == ["FileNotFoundError"]
    kernel.spawn("another", look, permissions={"read": [str(other)]})
    assert seen(kernel, other, inside, name="another") == ["other", "FileNotFoundError"]


def test_permissions_of_a_spawn_are_checked_like_those_of_the_code(kernel, looker):
    look, inside, _ = looker
    with pytest.raises(InvalidInput, match=r"agent 'look': permissions hold for .*'process' alone"):
        kernel.spawn("look", look, isolation="thread", permissions={"read": [str(inside)]})
    with pytest.raises(InvalidInput, match=r"agent 'look': permissions: .*'\.\.'"):
        kernel.spawn("look", look, permissions={"read": ["/data/../etc"]})
    with pytest.raises(InvalidInput, match=r"agent 'look': permissions: .*reads"):
        kernel.spawn("look", look, permissions={"reads": [str(inside)]})
    assert "look" not in [view.name for view in kernel.agents()]


def test_an_agent_beyond_the_ceiling_is_refused_in_one_line_and_told_as_an_event(looker):
    look, inside, outside = looker
    config = Config(sandbox=SandboxConfig(allow={"read": [str(inside)]}))
    with Kernel(config=config) as kernel:
        with pytest.raises(Denied) as refused:
            kernel.spawn("look", look)
        assert str(refused.value) == (
            f"agent 'look' may not read {outside}: [sandbox.allow] does not cover that; spawn it "
            "without, or have the operator allow it there"
        )
        event = told(kernel, "security.denied")
        assert event.agent == "look"
        assert event.data["rule"] == "sandbox.allow"
        assert event.data["principals"] == ["agent:look"]
        assert (event.data["action"], event.data["resource"]) == ("spawn", f"read {outside}")
        kernel.spawn("look", look, permissions={"read": [str(inside)]})
        assert seen(kernel, inside) == ["inside"]
        with pytest.raises(Denied, match=r"may not read and write .*, nor start processes"):
            kernel.spawn("more", look, permissions={"write": [str(inside)], "processes": True})


def test_what_an_agent_was_spawned_with_holds_after_the_next_start(looker, tmp_path):
    look, inside, outside = looker
    config = Config(state_dir=str(tmp_path / "state"))
    with Kernel(config=config) as kernel:
        kernel.spawn("look", look, permissions={"read": [str(inside)]})
    for _ in range(2):  # from the journal, and from what that start has written
        with Kernel(config=config) as kernel:
            assert seen(kernel, inside, outside) == ["inside", "FileNotFoundError"]


def test_an_agent_that_a_lowered_ceiling_forbids_is_not_spawned_again(looker, tmp_path):
    look, inside, outside = looker
    state = str(tmp_path / "state")
    with Kernel(config=Config(state_dir=state)) as kernel:
        kernel.spawn("look", look)
    lower = SandboxConfig(allow={"read": [str(inside)]})
    with Kernel(config=Config(state_dir=state, sandbox=lower)) as kernel:
        assert "look" not in [view.name for view in kernel.agents()]
        assert told(kernel, "security.denied").data["resource"] == f"read {outside}"
        failed = told(kernel, "agent.failed").data
        assert (failed["kind"], failed["action"]) == ("Denied", "not spawned again; its tasks wait")

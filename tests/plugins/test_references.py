"""``module:qualname``: another process finds the agent, or the spec says that none could."""

from __future__ import annotations

import subprocess
import sys

import pytest

from retinue.plugins import AgentSpec, InvalidInput, agent
from retinue.plugins.references import find
from retinue.plugins.system import echo

SCRIPT = """
from __future__ import annotations
from retinue.plugins import AgentSpec, agent

@agent(name="loud")
async def shout(ctx, text: str):
    return text.upper()

class Box:
    @agent
    async def inside(ctx):
        return 1

if __name__ == "__main__":
    print(shout.reference, Box.inside.reference, AgentSpec.of(lambda ctx: 1).reference, sep="\\n")
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "my_script.py"
    path.write_text(SCRIPT)
    return path


def test_a_module_level_agent_is_found_by_its_reference():
    assert echo.echo.reference == "retinue.plugins.system.echo:echo"
    assert AgentSpec.load(echo.echo.reference) is echo.echo


def test_what_a_script_defines_is_found_by_its_path(script):
    said = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=30, check=True
    ).stdout.splitlines()
    assert said == [f"{script}:shout", f"{script}:Box.inside", "None"]
    assert AgentSpec.load(said[0]).name == "loud"
    assert AgentSpec.load(said[1]).name == "inside"
    assert find(said[0]) is find(said[0])


def test_what_python_m_runs_keeps_its_module_name(script):
    said = subprocess.run(
        [sys.executable, "-m", "my_script"],
        cwd=script.parent, capture_output=True, text=True, timeout=30, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert said[0] == "my_script:shout"


def test_what_nobody_could_import_has_no_reference():
    @agent
    async def local(ctx):
        pass

    assert local.reference is None
    assert AgentSpec.of(lambda ctx: 1).reference is None


def test_a_name_that_means_something_else_by_now_has_no_reference(monkeypatch):
    before = AgentSpec.of(echo.echo.function)
    monkeypatch.setattr(echo, "echo", lambda ctx: 2)
    assert before.reference is None


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("shout", "is no reference: write module:name or path.py:name"),
        (":shout", "is no reference"),
        ("retinue.plugins:", "is no reference"),
        ("no_such_module:x", "no module named 'no_such_module'"),
        ("retinue.plugins:nothing", "retinue.plugins has no 'nothing'"),
        ("/no/such.py:x", "is not there: give the path"),
        ("retinue.plugins.plugin:__all__", "is a list; give an agent, a function or a class"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(reference, says):
    with pytest.raises(InvalidInput, match=says):
        AgentSpec.load(reference)


def test_what_a_module_raises_while_it_is_imported_passes_through(tmp_path, monkeypatch):
    (tmp_path / "falls.py").write_text("import a_missing_dependency_of_it")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_missing_dependency_of_it"):
        AgentSpec.load("falls:x")


def test_a_script_that_raises_is_not_left_half_imported(tmp_path):
    path = tmp_path / "half.py"
    path.write_text("async def early(ctx): pass\n1/0\n")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            AgentSpec.load(f"{path}:early")


def test_what_was_found_by_its_path_keeps_its_path_as_its_reference(script, tmp_path):
    other = tmp_path / "other.py"
    other.write_text(SCRIPT)
    first, second = find(f"{script}:shout"), find(f"{other}:shout")
    assert (first.reference, second.reference) == (f"{script}:shout", f"{other}:shout")
    assert first is not second


def test_a_file_that_changed_is_read_anew_and_a_broken_change_keeps_what_was_found(tmp_path):
    path = tmp_path / "changing.py"
    path.write_text("value = 1")
    assert find(f"{path}:value") == 1
    path.write_text("value = 22")
    assert find(f"{path}:value") == 22
    path.write_text("value = ")
    with pytest.raises(SyntaxError):
        find(f"{path}:value")
    path.write_text("value = 22")
    assert find(f"{path}:value") == 22

"""What the walls around an agent's own process let through: its code, and what its spec names."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path

import agents_here as here
import msgspec
import pytest

from retinue.actors.execution.process import GRACE
from retinue.bus.errors import InvalidInput
from retinue.bus.messages import SecurityDenied
from retinue.plugins import AgentSpec
from retinue.plugins.hosting.agent_plan import agent_level, agent_plan, permissions_of
from retinue.plugins.hosting.own_code import importable, mapped
from retinue.plugins.manifest.model import Permissions
from retinue.plugins.sandbox.given import Layer
from retinue.plugins.sandbox.levels import missing as lacking
from retinue.plugins.sandbox.outside import processes_in
from retinue.plugins.sandbox.probe import probe


@pytest.fixture(scope="session")
def given():
    return probe()


@pytest.fixture
def answer(processes, attempt):
    """``answer(agent, **input)``: the result of one turn behind the usual walls."""

    def run(agent, **given):
        outcome = attempt(processes, agent, json.dumps(given).encode()).outcome()
        assert outcome.kind == "", outcome.cause
        return json.loads(outcome.result)

    return run


def is_gone(pid):
    return not Path(f"/proc/{pid}").exists()


def test_an_agent_reads_its_own_code_and_no_other_file(answer, tmp_path):
    secret, granted = tmp_path / "secret", tmp_path / "granted"
    secret.write_text("s3cret")
    secret.chmod(0o644)
    granted.mkdir()
    (granted / "note").write_text("for you")
    spec = AgentSpec.of(here.tries_files, permissions={"read": [str(granted)]})
    paths = [str(secret), "/etc/passwd", str(granted / "note"), here.__file__]
    hidden, account, note, code = answer(spec, read=paths, write=[])
    assert (hidden, account) == ("FileNotFoundError",) * 2
    assert note == "for you"
    assert code == Path(here.__file__).read_text()


def test_what_lies_beside_an_agents_code_is_not_its_code(answer, root_of_tests, monkeypatch):
    # other tests search the folder above, to which this one is a package with all that is in it
    searched = [one for one in sys.path if Path(one).resolve() not in root_of_tests.parents]
    monkeypatch.setattr(sys, "path", searched)
    beside = root_of_tests / ".env"
    beside.write_text("KEY=1")
    try:
        assert answer(here.tries_files, read=[str(beside)], write=[]) == ["FileNotFoundError"]
    finally:
        beside.unlink()


def test_an_agent_writes_where_it_was_granted_to_and_in_a_tmp_of_its_own(answer, tmp_path):
    (tmp_path / "out").mkdir()
    spec = AgentSpec.of(here.tries_files, permissions={"write": [str(tmp_path / "out")]})
    mine, other, scratch = str(tmp_path / "out/a"), str(tmp_path / "a"), "/tmp/of-an-agent"
    assert answer(spec, read=[], write=[mine, scratch]) == [4, 4]
    refused = answer(spec, read=[], write=[other, here.__file__])
    assert all(isinstance(told, str) for told in refused), refused
    assert Path(mine).read_text() == "mine"
    assert not Path(other).exists()
    assert not Path(scratch).exists()


def test_code_that_is_its_owners_alone_can_be_imported(answer, tmp_path, monkeypatch):
    module = tmp_path / "of_the_owner.py"
    module.write_text("def run(ctx):\n    return 'imported'\n")
    module.chmod(0o600)
    monkeypatch.syspath_prepend(tmp_path)
    import of_the_owner

    assert answer(AgentSpec.of(of_the_owner.run, isolation="process")) == "imported"


def test_an_agent_cannot_connect_and_the_kernel_hears_that_it_tried(answer, told, wait_until):
    with socket.create_server(("127.0.0.1", 0)) as server:
        refused = answer(here.tries_the_network, port=server.getsockname()[1])
    assert refused == ["PermissionError"] * 2
    wait_until(lambda: told)
    assert all(isinstance(event, SecurityDenied) for event in told)
    first = told[0]
    assert (first.rule, first.layer) == ("syscall.socket", "seccomp")
    assert first.principals == ("agent:tested",)


def test_an_agent_cannot_fork_run_programs_or_signal_others(answer):
    fork, run, kill = answer(here.tries_processes)
    assert (fork, kill) == ("PermissionError",) * 2
    assert run in ("PermissionError", "FileNotFoundError")


def test_an_agents_environment_is_built_from_nothing_and_what_it_was_granted(answer, monkeypatch):
    monkeypatch.setenv("API_KEY", "s3cret")
    monkeypatch.setenv("CITY", "Bern")
    spec = AgentSpec.of(here.looks_at_environment, permissions={"env": ["CITY"]})
    environment = answer(spec)
    assert environment["CITY"] == "Bern"
    assert environment["HOME"] == "/tmp"
    assert "s3cret" not in environment.values()


def test_an_agent_that_hangs_in_c_is_gone_after_its_deadline(at_level, attempt):
    executor = at_level(None, grace=GRACE)

    def hang():
        turn = attempt(executor, here.hangs_in_c, timeout=0.2)
        assert turn.port.emitted.wait(20)
        began = time.monotonic()
        assert turn.outcome().kind == "DeadlineExceeded"
        assert is_gone(turn.port.events[0].text)
        return time.monotonic() - began - 0.2

    # A machine that is busy with other tests may be late at one of them.
    assert any(hang() < 0.5 for _ in range(5))


def test_daemons_that_an_agent_was_let_start_end_with_it(processes, attempt, given, missing):
    if gone := lacking("strict", given):
        missing(gone[0][0], gone[0][1].remedy)
    turn = attempt(processes, here.has_a_daemon)
    assert turn.port.emitted.wait(20)
    inside = Path(f"/proc/{processes.pid('tested')}/ns/pid").stat().st_ino
    assert inside != Path("/proc/self/ns/pid").stat().st_ino
    assert len(list(processes_in(inside))) > 1
    turn.cancel()
    assert turn.outcome().kind == "Cancelled"
    assert list(processes_in(inside)) == []


def test_without_walls_an_agent_may_do_what_its_user_may(at_level, attempt, tmp_path):
    (tmp_path / "file").write_text("open to all")
    given = json.dumps({"read": [str(tmp_path / "file")], "write": []}).encode()
    outcome = attempt(at_level("limits"), here.tries_files, given).outcome()
    assert json.loads(outcome.result) == ["open to all"]


def test_a_host_without_a_wall_refuses_and_says_what_helps(given):
    without = msgspec.structs.replace(
        given, landlock=Layer(False, "not there", "boot another Linux")
    )
    with pytest.raises(InvalidInput, match="landlock: not there, boot another Linux") as refused:
        agent_plan(here.who, Permissions(), "standard", without, {}, 0)
    assert '[sandbox] agents = "limits"' in str(refused.value)
    assert agent_plan(here.who, Permissions(), "limits", without, {}, 0).level == "limits"


def test_a_level_below_the_minimum_is_refused_unless_it_was_lowered_for_agents(given):
    nothing = Permissions()
    with pytest.raises(InvalidInput, match="below the minimum 'standard'"):
        agent_level("a", nothing, "limits", "standard", None, given)
    assert agent_level("a", nothing, "standard", "standard", "limits", given) == "limits"


def test_an_agent_that_starts_processes_is_held_by_bubblewrap_and_without_it_by_a_cgroup(given):
    forks, there, gone = Permissions(processes=True), Layer(there=True), Layer(there=False)
    whole = msgspec.structs.replace(
        given, **dict.fromkeys(("bwrap", "namespaces", "landlock", "seccomp", "cgroup"), there)
    )
    bare = msgspec.structs.replace(whole, bwrap=gone, landlock_version=6)
    neither = msgspec.structs.replace(bare, cgroup=gone)
    assert [
        agent_level("a", forks, "standard", "standard", None, host)
        for host in (whole, bare, neither)
    ] == ["strict", "standard", "strict"]  # which is then refused, with what is missing


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"read": ["data"]}, "absolute path"),
        ({"read": ["/"]}, "covers too much"),
        ({"files": ["/data"]}, "unknown field `files`"),
        ({"env": ["LD_PRELOAD"]}, "changes how programs start"),
        ({"tools": ["files.read"]}, "names its tools"),
    ],
)
def test_permissions_that_cannot_be_are_refused_with_the_rule(asked, words):
    with pytest.raises(InvalidInput, match=f"agent 'who': permissions: .*{words}"):
        permissions_of(AgentSpec.of(here.who, permissions=asked))


def test_permissions_of_code_in_the_kernels_own_process_are_refused():
    with pytest.raises(InvalidInput, match="for isolation='process' alone"):
        AgentSpec.of(here.who, isolation="thread", permissions={"read": ["/data"]})


def test_modules_and_packages_are_code_and_what_lies_beside_them_is_not(tmp_path):
    for name in ("tool.py", "notes.txt", ".env", "key.pem", ".hidden.py"):
        (tmp_path / name).touch()
    for name in ("package/__init__.py", "space/inner/__init__.py", "data/table.csv", ".git/x.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    found = {Path(path).relative_to(tmp_path.resolve()) for path in importable(tmp_path)}
    assert {str(path) for path in found} == {"tool.py", "package", "space"}
    assert list(importable(tmp_path / "not there")) == []


def test_what_is_installed_to_be_edited_is_found_by_name(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "one.py").touch()

    class Finder:
        __module__ = "its_finder"

    class Module:
        MAPPING = {"pack": str(tmp_path / "src"), "one": str(tmp_path / "one"), "gone": "/nowhere"}

    found = mapped([Finder, object()], {"its_finder": Module})
    assert found == {"pack": str(tmp_path / "src"), "one": str(tmp_path / "one.py")}


def test_as_another_user_than_root_too_the_walls_stand(given):
    """Told by the plan: who is not root gets a user namespace, and keeps its own number."""
    plan = agent_plan(
        here.who,
        Permissions(),
        "standard",
        msgspec.structs.replace(given, root=False),
        dict(os.environ),
        0,
    )
    assert plan.launcher["namespaces"][0] == "user"
    assert not plan.drops_uid

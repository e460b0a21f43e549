"""Each level starts, proves itself and is killed; without any one of its walls it does not start."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import msgspec
import pytest

from retinue.bus.errors import PluginError
from retinue.plugins.sandbox import probe as probing
from retinue.plugins.sandbox.levels import LAYERS
from retinue.plugins.sandbox.outside import processes_in, status_of

LEVELS = ("strict", "standard", "limits")


def gone(pid):
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_starts_proves_itself_and_is_killed(at_level, given, level):
    den = at_level(level)
    confined = den.spawn(den.plan(den.admitted()))
    assert confined.layers == (*LAYERS[level], *(("cgroup",) if given.cgroup.there else ()))
    assert confined.wait(0) is None
    if LAYERS[level]:
        status = status_of(confined.pid)
        assert (status["NoNewPrivs"], status["Seccomp"], int(status["CapEff"], 16)) == ("1", "2", 0)
        assert status["Seccomp_filters"] == "2"
    namespace = confined.pid_namespace
    confined.kill()
    assert gone(confined.pid)
    assert not namespace or list(processes_in(namespace)) == []
    assert confined.kill() == 0.0


def test_each_process_of_root_has_a_uid_of_its_own(at_level, missing):
    if os.geteuid() != 0:
        missing("root", "run the tests as root")
    den = at_level("standard")
    plan = den.plan(den.admitted())
    started = [den.spawn(plan) for _ in range(3)]
    uids = {status_of(confined.pid)["Uid"] for confined in started}
    assert len(uids) == 3
    assert all("0" not in uid.split() for uid in uids)
    for confined in started:
        confined.kill()


@pytest.mark.parametrize("level", LEVELS)
def test_a_plugins_process_gives_way_to_its_host(at_level, level):
    den = at_level(level)
    confined = den.spawn(den.plan(den.admitted()))
    lower = os.getpriority(os.PRIO_PROCESS, 0) + 5
    assert os.getpriority(os.PRIO_PROCESS, confined.pid) == lower
    group = Path(f"/proc/{confined.pid}/autogroup")
    if group.exists() and os.geteuid() == 0:  # without privileges Linux allows it now and then
        assert group.read_text().endswith(f" nice {lower}\n")
    confined.kill()


AWAY = [
    ("standard", {"landlock": None}, "a file outside was read"),
    ("standard", {"seccomp": None}, "no system call filter"),
    ("standard", {"namespaces": [], "view": None}, "the host's mnt namespace"),
    ("standard", {"namespaces": ["mnt", "ipc", "uts"]}, "the host's net namespace"),
    ("standard", {"confine": False, "landlock": None, "seccomp": None}, "may gain privileges"),
    ("standard", {"scratch": None, "landlock": None, "view": None}, "a file outside was"),
    ("strict", {"landlock": None}, "a file outside was read"),
    ("strict", {"seccomp": None}, "no system call filter"),
]


@pytest.mark.parametrize(("level", "taken", "cause"), AWAY)
def test_without_one_wall_nothing_starts(at_level, changed, wait_until, level, taken, cause):
    den = at_level(level)
    plan = changed(den.plan(den.admitted()), **taken)
    before = set(children())
    with pytest.raises(PluginError, match=cause):
        den.spawn(plan)
    wait_until(lambda: set(children()) <= before)


def test_strict_without_bubblewrap_around_it_does_not_start(at_level):
    den = at_level("strict")
    plan = msgspec.structs.replace(den.plan(den.admitted()), bwrap=())
    with pytest.raises(PluginError, match="namespace"):
        den.spawn(plan)


def test_root_that_stays_root_does_not_start(at_level, missing):
    if os.geteuid() != 0:
        missing("root", "run the tests as root")
    den = at_level("standard")
    confined = None
    plan = msgspec.structs.replace(den.plan(den.admitted()), drops_uid=False)
    with pytest.raises(PluginError, match="user namespace"):
        confined = den.spawn(plan)
    assert confined is None


def test_a_bubblewrap_that_cannot_start_says_why(at_level):
    den = at_level("strict")
    plan = den.plan(den.admitted())
    wrong = msgspec.structs.replace(plan, bwrap=(*plan.bwrap, "--no-such-wall"))
    with pytest.raises(PluginError, match="no-such-wall"):
        den.spawn(wrong)


def test_a_start_that_hangs_ends_at_its_deadline(at_level, changed):
    den = at_level("standard")
    plan = msgspec.structs.replace(den.plan(den.admitted()), start_seconds=0.001)
    with pytest.raises(PluginError, match=r"not confined within 0\.001 s"):
        den.spawn(plan)


def test_a_bubblewrap_on_path_is_never_taken(tmp_path, monkeypatch):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\nexit 0\n")
    fake.chmod(0o777)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert probing.probe().bwrap_path != str(fake)
    named = probing.probe(str(fake))
    assert not named.bwrap.there
    assert "not root's alone" in named.bwrap.detail


def test_a_wall_that_the_host_lacks_is_found_missing_by_trying(monkeypatch):
    monkeypatch.setattr(probing.landlock, "version", lambda: 3)
    monkeypatch.setattr(probing, "AUDIT_ARCH", {})
    found = probing.probe()
    assert (found.landlock.there, found.seccomp.there) == (False, False)
    assert "TCP needs 4" in found.landlock.detail
    assert found.landlock.remedy
    assert found.seccomp.remedy


def test_what_the_host_holds_open_is_not_handed_down(at_level, tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    os.set_inheritable(folder, True)
    try:
        den = at_level("standard")
        confined = den.spawn(den.plan(den.admitted()))
        held = {str(f.readlink()) for f in Path(f"/proc/{confined.pid}/fd").iterdir()}
        assert str(tmp_path) not in held
        confined.kill()
    finally:
        os.close(folder)


def test_a_stopped_process_is_killed_too(at_level):
    den = at_level("standard")
    confined = den.spawn(den.plan(den.admitted()))
    os.kill(confined.pid, signal.SIGSTOP)
    confined.kill()
    assert gone(confined.pid)


def children():
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(os.getpid())],
        capture_output=True,
        text=True,
        check=False,
    )
    running = {int(pid) for pid in found.stdout.split()}
    return {pid for pid in running if "launcher.py" in command_of(pid)}


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""

"""A kernel that is killed with -9 while plugins and agents have forked: nothing of them is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from retinue.bus.errors import PluginError
from retinue.plugins.sandbox import keeping
from retinue.plugins.sandbox.hierarchy import members
from retinue.plugins.sandbox.keeping import Keeper
from retinue.plugins.sandbox.levels import missing as lacking

MANIFEST = """
name = "forks"
version = "1"
entry = "forks"
[permissions]
processes = {may}
"""
CODE = '''
"""Children that outlive whoever started them, if they can."""
import os, signal, sys
from retinue.plugins import tool


def leave(how: str) -> None:
    """Returns once the child, or the child's child, is on its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        if how == "twice":
            os.setsid()
            if os.fork():
                os._exit(0)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        os.write(writing, b"x")
        while True:
            signal.pause()
    os.read(reading, 1)
    if how == "twice":
        os.waitpid(child, 0)


@tool
def fork(how: str) -> None:
    leave(how)


'''
AGENT = """
import signal
from forks import leave
from retinue.plugins import agent


@agent(isolation="process", permissions={"processes": True})
def forking(ctx, how: str) -> None:
    leave(how)
    ctx.thought("forked")
    signal.pause()
"""
KERNEL = """
import json, os, signal, sys
from retinue.kernel import Kernel
from retinue.kernel.config import Config, SandboxConfig

folder, config, hows, agent = json.loads(sys.argv[1])
kernel = Kernel(config=Config(sandbox=SandboxConfig(**config))).start()
if agent:
    sys.path.insert(0, folder)
    from forker import forking
    kernel.spawn("forking", forking)
    task = kernel.submit("forking", {"how": agent})
    next(event for event in task.events() if event and event.type == "agent.thought")
else:
    kernel.load_plugin(folder, approve=kernel.propose_plugin(folder).digest)
for how in hows:
    kernel.invoke("forks.fork", {"how": how})
beside = os.fork()  # a child of the program's own, with every descriptor of the kernel's
while not beside:
    signal.pause()
print(beside, flush=True)
sys.stdin.readline()
kernel.close()
print("closed", flush=True)
sys.stdin.read()
"""
NO_BWRAP = {"bwrap": "/nonexistent"}
"""Where there is none, a cgroup holds what a plugin starts; ``strict`` would have a pid namespace."""


class Ours:
    """A kernel in a process of its own, alone in a cgroup that was left to it."""

    def __init__(self, base, folder, words):
        self.base, self.folder, self.words = base, folder, words

    def start(self, config, hows, agent="", may="true"):
        (self.folder / "plugin.toml").write_text(MANIFEST.format(may=may))
        (self.folder / "forks.py").write_text(CODE)
        (self.folder / "forker.py").write_text(AGENT)
        told = json.dumps([str(self.folder), config, hows, agent])
        join = f'echo 0 >"{self.base}/cgroup.procs" && exec "$@"'
        command = ["/bin/sh", "-c", join, "sh", *self.words, "-P", "-c", KERNEL, told]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd="/", **pipes)
        self.beside = int(self.process.stdout.readline())

    def left(self):
        """The pids of all, but for the program's own child."""
        folders = [Path(place) for place, _, _ in os.walk(self.base)]
        return {pid for folder in folders for pid in pids_in(folder)} - {self.beside}

    def keepers(self):
        return [pid for pid in members(self.base) if b"keeper.py" in words_of(pid)]

    def end(self):
        for pid in members(self.base):
            os.kill(pid, signal.SIGKILL)
        self.process.communicate()

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)

    def clean(self):
        return not self.left() and not list(self.base.glob("retinue-*"))


def pids_in(folder):
    try:
        return members(folder)
    except OSError:  # it was removed meanwhile
        return []


def words_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture(autouse=True)
def forks_at_standard(given, missing):
    """What a plugin starts is kept from signals to others by Landlock."""
    if gone := lacking("standard", given):
        missing(", ".join(name for name, _ in gone), gone[0][1].remedy)
    if given.landlock_version < 6:
        missing("Landlock 6", "boot Linux 6.12 or newer")


@pytest.fixture
def ours(base, tmp_path, missing):
    """A kernel of the test's own user."""
    if os.geteuid() != 0:
        missing("root", "run the tests as root: only root can leave a cgroup to a kernel")
    os.setxattr(base, "trusted.delegate", b"1")
    kernel = Ours(base, tmp_path, [sys.executable])
    yield kernel
    kernel.end()


@pytest.fixture
def theirs(base, tmp_path, as_nobody):
    """A kernel of a user who has nothing but the cgroup that he was given."""
    for name in ("", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
        os.chown(base / name, 65534, 65534)
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/") and folder.stat().st_uid == 0:
            folder.chmod(folder.stat().st_mode | 0o055)
    kernel = Ours(base, tmp_path, as_nobody)
    yield kernel
    kernel.end()


def test_what_a_plugin_has_forked_is_gone_within_a_second_of_its_kernels_kill_9(ours, wait_until):
    ours.start(NO_BWRAP, ["once", "twice"])
    plugins = ours.left() - set(members(ours.base))
    assert len(plugins) == 3
    ours.kill()
    wait_until(ours.clean, 1.0)


def test_what_a_plugin_of_an_unprivileged_kernel_has_forked_is_gone_too(theirs, wait_until):
    theirs.start(NO_BWRAP, ["twice"])
    assert len(theirs.left() - set(members(theirs.base))) == 2
    theirs.kill()
    wait_until(theirs.clean, 1.0)


@pytest.mark.parametrize("config", [NO_BWRAP, {"agents": "limits"}], ids=["standard", "limits"])
def test_what_an_agent_has_forked_is_gone_with_its_kernel_too(ours, wait_until, config):
    ours.start(config, [], agent="twice")
    assert len(ours.left() - set(members(ours.base))) == 2
    ours.kill()
    wait_until(ours.clean, 1.0)


def test_whoever_kills_the_keeper_gets_another(ours, wait_until):
    ours.start(NO_BWRAP, ["twice"])
    (first,) = ours.keepers()
    os.kill(first, signal.SIGTERM)  # as a stop of the whole unit does: that is the kernel's matter
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: ours.keepers() not in ([], [first]), 10.0)
    ours.kill()
    wait_until(ours.clean, 1.0)


def test_a_kernel_that_closes_leaves_no_keeper(ours):
    ours.start(NO_BWRAP, ["twice"])
    assert len(ours.keepers()) == 1
    print(file=ours.process.stdin, flush=True)
    assert ours.process.stdout.readline() == "closed\n"
    assert ours.left() == {ours.process.pid}
    assert list(ours.base.glob("retinue-*")) == []


def test_where_no_plugin_may_fork_there_is_no_keeper(ours):
    ours.start(NO_BWRAP, [], may="false")
    assert len(ours.left()) == 2  # the kernel, and the plugin
    assert ours.keepers() == []


def test_a_keeper_that_cannot_keep_watch_refuses_the_plugin(base, monkeypatch, tmp_path):
    script = tmp_path / "keeper.py"
    script.write_text("raise SystemExit('no memory')")
    monkeypatch.setattr(keeping, "_SCRIPT", script)
    keeper = Keeper(base)
    with pytest.raises(PluginError, match=r"could outlive a kernel.*no memory"):
        keeper.ready(20.0)
    keeper.close()
    keeper.close()

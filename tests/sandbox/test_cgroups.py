"""A cgroup for each plugin: who is in it, one kill for all, and nothing left of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from retinue.bus.errors import PluginError
from retinue.plugins.manifest.model import Limits
from retinue.plugins.sandbox.cgroup_probe import cgroup_here
from retinue.plugins.sandbox.cgroups import Cgroup, Cgroups, sweep
from retinue.plugins.sandbox.given import Given, Layer
from retinue.plugins.sandbox.hierarchy import CONTROLLERS, identity, is_alive, own_cgroup, words
from retinue.plugins.sandbox.trees import Tree, tree_of

HERE = Layer(there=True)
HYBRID = """\
23 27 0:22 / /sys rw - sysfs sysfs rw
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/uni\\040fied rw shared:4 - cgroup2 cgroup2 rw,nsdelegate
"""
PART = "40 31 0:38 /user.slice/mine /mnt/part rw - cgroup2 cgroup2 rw\n"
LEAVE = """
import os, sys
from pathlib import Path
from retinue.plugins.sandbox.cgroups import Cgroups
group = Cgroups(Path(sys.argv[1])).make("left", {})
child = os.fork()
if not child:
    os.setsid()
    sys.stdin.read()
group.add([child])
print(child, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def bounding(base):
    """A cgroup that hands down all that bounds plugins."""
    if lacking := set(CONTROLLERS).difference(words(base / "cgroup.controllers")):
        pytest.xfail(f"no {', '.join(sorted(lacking))} in cgroup v2 here: scripts/vm has them")
    handed_down = " ".join(f"+{name}" for name in CONTROLLERS)
    (base / "cgroup.subtree_control").write_text(handed_down)
    return base


@pytest.fixture
def started():
    """``started(*command)``: a child with a pipe for stdin, gone at the end of the test."""
    children = []

    def start(*command, **more):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        children.append(subprocess.Popen(command, **pipes, **more))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.communicate()


def within(folder, *command):
    """A command that joins a cgroup first."""
    return ("/bin/sh", "-c", f'echo 0 >"{folder}/cgroup.procs" && exec "$@"', "sh", *command)


def running(pid):
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.mark.parametrize(
    ("mountinfo", "cgroup", "found"),
    [
        (HYBRID, "4:memory:/a\n0::/\n", "/sys/fs/cgroup/uni fied"),
        (HYBRID, "0::/user.slice/mine\n", "/sys/fs/cgroup/uni fied/user.slice/mine"),
        (PART, "0::/user.slice/mine\n", "/mnt/part"),
        (PART, "0::/user.slice/mine/too\n", "/mnt/part/too"),
        (PART, "0::/user.slice/minetoo\n", ""),
        (PART + HYBRID, "0::/system.slice\n", "/sys/fs/cgroup/uni fied/system.slice"),
        (HYBRID, "0::/../other\n", "/sys/fs/cgroup/uni fied/../other"),
        (HYBRID, "4:memory:/a\n", ""),
        ("", "0::/\n", ""),
    ],
)
def test_a_processs_cgroup_is_found_wherever_version_2_is_mounted(mountinfo, cgroup, found):
    assert own_cgroup(mountinfo, cgroup) == found


def test_bounds_are_those_of_the_limits_where_their_controllers_are():
    limits = Limits(resident_bytes=32 << 20, pids=8)
    given = Given(
        machine="x86_64",
        root=True,
        **dict.fromkeys(("landlock", "seccomp", "namespaces", "bwrap", "cgroup"), HERE),
        cgroup_path="/here",
        cgroup_controllers=("memory", "pids"),
    )
    memory = {"memory.max": str(32 << 20), "memory.swap.max": "0", "memory.oom.group": "1"}
    assert tree_of("standard", given, limits) == Tree("/here", {**memory, "pids.max": "8"})
    assert tree_of("strict", given, limits).bounds["pids.max"] == "10"  # bubblewrap's two besides
    whole = msgspec.structs.replace(given, cgroup_controllers=("memory", "pids", "cpu"))
    assert "cpu.max" not in tree_of("standard", whole, limits).bounds  # unless somebody says so
    for processors, share in ((0.5, "50000 100000"), (2, "200000 100000"), (0.001, "1000 100000")):
        bounds = tree_of("standard", whole, Limits(processors=processors)).bounds
        assert bounds["cpu.max"] == share
    without = msgspec.structs.replace(given, cgroup_controllers=())
    assert tree_of("standard", without, limits) == Tree("/here", {})
    assert (
        tree_of("standard", msgspec.structs.replace(given, cgroup=Layer(there=False)), limits)
        is None
    )


def test_bounds_that_were_met_are_known_from_what_linux_counted(tmp_path):
    assert Cgroup(tmp_path).exceeded() == ()
    (tmp_path / "pids.events").write_text("max 0\n")
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\n")
    assert [(b.limit, b.times) for b in Cgroup(tmp_path).exceeded()] == [("resident_bytes", 1)]
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 0\noom 0\noom_kill 2\n")
    assert Cgroup(tmp_path).exceeded() == ()  # the whole machine had no more
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\n")
    (tmp_path / "pids.events").write_text("max 3\n")
    assert [b.limit for b in Cgroup(tmp_path).exceeded()] == ["pids", "resident_bytes"]


FILL = "import sys; sys.stdin.readline(); held = bytearray(b'x') * (96 << 20); print('held')"


@pytest.mark.parametrize(("unit", "own", "told"), [(256, 48, ["resident_bytes"]), (48, 256, [])])
def test_memory_is_told_as_a_plugins_bound_only_where_that_bound_was_met(
    bounding, started, unit, own, told
):
    (bounding / "memory.max").write_text(str(unit << 20))
    bounds = {"memory.max": str(own << 20), "memory.swap.max": "0", "memory.oom.group": "1"}
    group = Cgroups(bounding).make("one", bounds)
    child = started(sys.executable, "-c", FILL)
    group.add([child.pid])
    assert child.communicate("go\n") == ("", None)
    assert child.returncode == -signal.SIGKILL
    assert group.wait_empty(5)
    assert [bound.limit for bound in group.exceeded()] == told


def test_a_share_of_a_processor_holds_for_all_that_is_in_a_cgroup(bounding, started, wait_until):
    group = Cgroups(bounding).make("one", {"cpu.max": "5000 100000"})
    child = started("/bin/sh", "-c", "read go; while :; do :; done & while :; do :; done")
    group.add([child.pid])

    def held_back():
        counted = words(group.folder / "cpu.stat")
        return int(counted[counted.index("nr_throttled") + 1])

    assert not held_back()
    print("go", file=child.stdin, flush=True)
    wait_until(held_back)
    group.kill()
    assert group.wait_empty(5)


def test_plugins_together_give_way_to_the_kernel_where_linux_weighs_their_cgroup(bounding):
    plugins = Cgroups(bounding)
    assert words(plugins.folder / "cpu.weight.nice") == ["5"]
    assert words(plugins.make("one", {}).folder / "cpu.weight.nice") == ["0"]  # to each other alike


def test_a_process_is_known_by_its_start_and_not_by_its_pid_alone(started):
    child = started("/bin/cat")
    namespace, _, _ = identity().split("-")
    assert is_alive(identity())
    assert not is_alive(f"{namespace}-{child.pid}-1")
    assert is_alive(f"1-{child.pid}-1")  # of another pid namespace: nobody here can know


def test_one_kill_ends_all_that_was_started_in_it_and_it_is_seen_to_be_empty(base, started):
    groups = Cgroups(base)
    group = groups.make("family", {})
    daemons = "for n in 1 2 3; do (setsid sleep 3600 & echo $!); done; exec cat"
    child = started("/bin/sh", "-c", f"read go; {daemons}")
    group.add([child.pid])
    print("go", file=child.stdin, flush=True)
    pids = [int(child.stdout.readline()) for _ in range(3)]
    assert not group.wait_empty(0)
    assert all(running(pid) for pid in pids)
    group.kill()
    assert group.wait_empty(5)
    assert not any(running(pid) for pid in (*pids, child.pid))
    groups.close()
    assert list(base.glob("retinue-*")) == []
    assert group.wait_empty(0)  # removed, and so empty
    group.kill()
    group.remove()


def test_a_process_that_has_ended_cannot_be_taken_in(base, started):
    child = started("/bin/true")
    child.wait()
    group = Cgroups(base).make("one", {})
    with pytest.raises(ProcessLookupError):
        group.add([child.pid])


def test_what_a_killed_kernel_left_is_ended_and_removed_and_nothing_of_a_live_one(base, started):
    mine = Cgroups(base)
    kept = mine.make("kept", {})
    neighbour = started("/bin/cat")
    kept.add([neighbour.pid])
    killed = started(sys.executable, "-P", "-c", LEAVE, str(base))
    orphan = int(killed.stdout.readline())
    left = [folder.name for folder in base.glob(f"retinue-plugins-*-{killed.pid}-*")]
    killed.kill()
    killed.wait()
    assert running(orphan)
    assert sweep(base) == left
    assert not running(orphan)
    assert neighbour.poll() is None
    mine.close()


def test_several_kernels_of_one_process_have_cgroups_of_their_own(base):
    first, second = Cgroups(base), Cgroups(base)
    first.make("one", {})
    second.make("one", {})
    first.close()
    assert len(list(base.glob("retinue-plugins-*"))) == 1
    second.close()
    assert list(base.glob("retinue-*")) == []


def test_a_cgroup_that_cannot_be_made_refuses_the_start(at_level, tmp_path):
    den = at_level("standard")
    plan = den.plan(den.admitted())
    lost = msgspec.structs.replace(plan, tree=Tree(str(tmp_path / "none"), {}))
    with pytest.raises(PluginError, match="cannot be put into a cgroup of its own"):
        den.spawn(lost)


def test_a_bound_that_this_host_does_not_take_refuses_the_start(at_level, base):
    den = at_level("standard")
    plan = den.plan(den.admitted())
    wrong = msgspec.structs.replace(plan, tree=Tree(str(base), {"cgroup.max.depth": "many"}))
    with pytest.raises(PluginError, match="cannot be put into a cgroup of its own"):
        den.spawn(wrong)


@pytest.mark.parametrize("level", ["strict", "standard", "limits"])
def test_a_plugin_runs_in_its_cgroup_which_goes_with_it(at_level, base, level):
    den = at_level(level)
    plan = msgspec.structs.replace(den.plan(den.admitted()), tree=Tree(str(base), {}))
    confined = den.spawn(plan)
    assert confined.layers[-1] == "cgroup"
    (own,) = base.glob("retinue-plugins-*")
    shown = Path(f"/proc/{confined.pid}/cgroup").read_text().splitlines()[-1]
    assert shown.endswith(f"{own.name}/{confined.pid}")
    around = (own / str(confined.pid) / "cgroup.procs").read_text().split()
    assert len(around) == (3 if level == "strict" else 1)  # bubblewrap's two around it
    confined.kill()
    assert list(own.glob("*/")) == []
    den.close()
    assert list(base.glob("retinue-*")) == []


def told(folder, *command):
    """What the probe says when run within a cgroup."""
    code = (
        "import json; from retinue.plugins.sandbox.cgroup_probe import cgroup_here;"
        "layer, folder, _ = cgroup_here(); print(json.dumps([layer.there, layer.detail, folder]))"
    )
    done = subprocess.run(
        within(folder, *command, "-P", "-c", code), capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_a_cgroup_that_nobody_delegated_is_left_alone(base, missing):
    if os.geteuid() != 0:
        missing("root", "run the tests as root")
    there, detail, _ = told(base, sys.executable)
    assert not there
    assert "is not delegated" in detail
    os.setxattr(base, "trusted.delegate", b"1")
    assert told(base, sys.executable)[::2] == [True, str(base)]
    assert list(base.glob("*/")) == []


def test_a_user_has_the_cgroup_that_he_was_given_and_no_other(base, as_nobody):
    assert told(base, *as_nobody)[0] is False
    for name in ("", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
        os.chown(base / name, 65534, 65534)
    assert told(base, *as_nobody)[::2] == [True, str(base)]


def test_the_probe_leaves_no_trace(given):
    if given.cgroup.there:
        mine = f"retinue-*-{identity()}*"  # others run beside this one
        before = set(Path(given.cgroup_path).glob(mine))
        layer, _, _ = cgroup_here()
        assert layer.there
        assert set(Path(given.cgroup_path).glob(mine)) == before

"""A daemon divides what is delegated to it, moves nobody else, and puts everything back."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

import pytest

from retinue.plugins.sandbox.hierarchy import identity, words

DIVIDE = """
import os, sys, subprocess
from pathlib import Path
from retinue.plugins.sandbox.division import Division

def say(*words):
    print(*words, flush=True)
    sys.stdin.readline()

def where():
    return Path("/proc/self/cgroup").read_text().rpartition("0::")[2].strip()

helper = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
division = Division(Path(sys.argv[1]), sys.argv[2:])
say(division.begin() or "divided", where())
division.end()
say("over", where())
helper.kill()
helper.wait()
"""
CONTROLLER = "hugetlb"
"""Any will do that is nobody's: machines that keep the others in version 1 have this one in 2."""


def handing_down(top, sign):
    with suppress(OSError):
        (top / "cgroup.subtree_control").write_text(f"{sign}{CONTROLLER}", encoding="ascii")


@pytest.fixture
def dividable(base):
    """The cgroup with a controller that it does not hand down yet."""
    given = CONTROLLER not in words(base.parent / "cgroup.subtree_control")
    if given:
        handing_down(base.parent, "+")
    if CONTROLLER not in words(base / "cgroup.controllers"):
        pytest.xfail(f"no {CONTROLLER} controller is in cgroup v2 here, which nothing installs")
    yield base
    if given:
        handing_down(base.parent, "-")


@pytest.fixture
def daemon(dividable):
    """A process in the cgroup that divides it, and goes on at each line."""
    join = ("/bin/sh", "-c", f'echo 0 >"{dividable}/cgroup.procs" && exec "$@"', "sh")
    command = (*join, sys.executable, "-P", "-c", DIVIDE, str(dividable), CONTROLLER)
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield child
    child.kill()
    child.communicate()


def said(daemon):
    return daemon.stdout.readline().rstrip("\n")


def go_on(daemon):
    print(file=daemon.stdin, flush=True)


def members(folder):
    return len(words(folder / "cgroup.procs"))


def test_a_daemon_that_is_alone_moves_into_a_leaf_with_its_children_and_back(dividable, daemon):
    word, where = said(daemon).split()
    (leaf,) = dividable.glob("retinue-kernel-*")
    assert (word, where.rpartition("/")[2]) == ("divided", leaf.name)
    assert (members(dividable), members(leaf)) == (0, 2)
    assert words(dividable / "cgroup.subtree_control") == [CONTROLLER]
    go_on(daemon)
    word, where = said(daemon).split()
    assert (word, where.rpartition("/")[2]) == ("over", dividable.name)
    assert words(dividable / "cgroup.subtree_control") == []
    assert list(dividable.glob("*/")) == []
    assert members(dividable) == 2


def test_a_daemon_says_what_it_swept_away(base, missing):
    if os.geteuid() != 0:
        missing("root", "run the tests as root")
    os.setxattr(base, "trusted.delegate", b"1")
    namespace = identity().split("-")[0]
    (base / f"retinue-plugins-{namespace}-{os.getpid()}-1").mkdir()
    join = ("/bin/sh", "-c", f'echo 0 >"{base}/cgroup.procs" && exec "$@"', "sh")
    code = (
        "from retinue.plugins.sandbox.division import divided\n"
        "with divided() as said: print(*said, sep='\\n')"
    )
    command = (*join, sys.executable, "-P", "-c", code)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    swept = f"removed the cgroup retinue-plugins-{namespace}-{os.getpid()}-1 of a daemon"
    assert swept in done.stdout
    assert list(base.glob("*/")) == []


def test_a_container_is_divided_and_plugins_have_their_cgroups_beneath_its_top(dividable):
    code = (
        "from pathlib import Path\n"
        "from retinue.plugins.sandbox.cgroup_probe import cgroup_here\n"
        "from retinue.plugins.sandbox.division import Division\n"
        "top = Path('/sys/fs/cgroup')\n"
        "print(cgroup_here()[1])\n"
        f"division = Division(top, ['{CONTROLLER}'])\n"
        "print(division.begin() or Path('/proc/self/cgroup').read_text().rpartition('0::')[2].strip())\n"
        "print(cgroup_here()[1])\n"
        "division.end()\n"
        "print(*(f.name for f in top.iterdir() if f.is_dir()))\n"
    )
    inside = 'umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec "$@"'
    shell = f'echo 0 >"{dividable}/cgroup.procs" && exec unshare --cgroup --mount sh -c \'{inside}\' sh "$@"'
    done = subprocess.run(
        ("/bin/sh", "-c", shell, "sh", sys.executable, "-P", "-c", code),
        capture_output=True,
        text=True,
        check=False,
    )
    before, leaf, after, left = done.stdout.split("\n")[:4]
    assert (before, after, left) == ("/sys/fs/cgroup", "/sys/fs/cgroup", "")
    assert leaf.startswith("/retinue-kernel-")


def test_nobody_is_moved_where_others_are_too(dividable):
    other = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
    try:
        (dividable / "cgroup.procs").write_text(str(other.pid), encoding="ascii")
        join = ("/bin/sh", "-c", f'echo 0 >"{dividable}/cgroup.procs" && exec "$@"', "sh")
        done = subprocess.run(
            (*join, sys.executable, "-P", "-c", DIVIDE, str(dividable), CONTROLLER),
            input="\n\n",
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"{dividable} has processes of others, cat ({other.pid})" in done.stdout
        assert words(dividable / "cgroup.procs") == [str(other.pid)]
        assert words(dividable / "cgroup.subtree_control") == []
    finally:
        other.kill()
        other.communicate()

"""Real processes behind real walls."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from retinue.plugins.attacks.den import Den
from retinue.plugins.sandbox.cgroups import Cgroup
from retinue.plugins.sandbox.hierarchy import own_cgroup
from retinue.plugins.sandbox.levels import missing as lacking
from retinue.plugins.sandbox.probe import probe

ROOT = Path(__file__).resolve().parents[2]
SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="session")
def given():
    return probe()


@pytest.fixture
def at_level(tmp_path, given, missing):
    """``at_level("strict")``: a den there; skipped where the host does not give it."""
    dens = []

    def made(level):
        if gone := lacking(level, given):
            missing(", ".join(name for name, _ in gone), gone[0][1].remedy)
        if level == "baseline" and given.root:
            missing("a readable interpreter", "baseline needs one that a dropped uid can read")
        dens.append(Den(tmp_path, given, level))
        return dens[-1]

    yield made
    for den in dens:
        den.close()


@pytest.fixture
def changed():
    """A plan whose launcher was told otherwise."""

    def change(plan, **launcher):
        return msgspec.structs.replace(plan, launcher={**plan.launcher, **launcher})

    return change


@pytest.fixture
def base(tmp_path_factory):
    """A cgroup of the test's own, removed with all that is in it."""
    proc = Path("/proc/self")
    own = own_cgroup((proc / "mountinfo").read_text(), (proc / "cgroup").read_text())
    name = f"test-{tmp_path_factory.mktemp('cgroup').name}-{os.getpid()}"
    folder = Path(own or "/nonexistent", name)
    try:
        folder.mkdir()
    except OSError as error:
        pytest.xfail(f"no cgroup v2 is delegated here, which nothing installs: {error}")
    yield folder
    group = Cgroup(folder)
    group.kill()
    assert group.wait_empty(5)
    for place, _, _ in os.walk(folder, topdown=False):
        Path(place).rmdir()


@pytest.fixture
def as_nobody(missing):
    """The words that run Python with this tree as a user to whom nothing belongs."""
    version = subprocess.run(
        [SYSTEM_PYTHON, "-c", "import sys; print(*sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
    )
    if os.geteuid() != 0 or version.stdout.split() != [str(n) for n in sys.version_info[:2]]:
        wanted = ".".join(map(str, sys.version_info[:2]))
        missing(f"root and {SYSTEM_PYTHON} {wanted}", "run the tests as root on such a Debian")
    for folder in (ROOT, *ROOT.parents):  # a copy of the tree in a private folder
        if folder.parent == Path("/tmp") and folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o055)
    packages = next(p for p in sys.path if p.endswith("site-packages"))
    user = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    return (*user, "env", f"PYTHONPATH={ROOT}/build/names:{packages}", SYSTEM_PYTHON)

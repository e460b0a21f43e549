"""The suite of attacks as one command, run as root and as somebody whom nothing belongs to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
SYSTEM_PYTHON = "/usr/bin/python3"


class Attacked:
    """What one run of the command said."""

    def __init__(self, code, lines):
        self.code = code
        self.summary = lines[-1]
        self.outcomes = lines[:-1]

    def name(self, outcome):
        return f"{outcome['attack']['family']}: {outcome['attack']['name']}"


def started(level, *, uid=0):
    """``retinue plugins attack`` as a child, as ``uid`` where the tests are root's."""
    words = [sys.executable, "-P"]
    env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    env["PYTHONPATH"] = str(ROOT / "build/names")
    change = {}
    if uid:
        show(ROOT)
        site = next(p for p in sys.path if p.endswith("site-packages"))
        words = [SYSTEM_PYTHON, "-P"]
        env["PYTHONPATH"] += f":{site}"
        change = {"user": uid, "group": uid, "extra_groups": []}
    code = "import sys; from retinue.kernel.cli import main; main()"
    words += ["-c", code, "plugins", "attack", "--json", "--level", level]
    return subprocess.Popen(
        words, env=env, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **change
    )


def show(root):
    """Let others read a copy of the tree that lies in a private folder of ``/tmp``."""
    for folder in (root, *root.parents):
        if folder.parent == Path("/tmp") and folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o055)


def ended(process):
    out, err = process.communicate(timeout=55)
    assert out, err
    return Attacked(process.returncode, [json.loads(line) for line in out.splitlines()])


def as_nobody(missing):
    """Skip where nobody else can be: not root, or no interpreter that he can read."""
    if os.geteuid() != 0:
        missing("root", "run the tests as root to be somebody else")
    version = subprocess.run(
        [SYSTEM_PYTHON, "-c", "import sys; print(*sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
    )
    if version.stdout.split() != [str(n) for n in sys.version_info[:2]]:
        wanted = ".".join(map(str, sys.version_info[:2]))
        missing(f"{SYSTEM_PYTHON} {wanted}", "packages are compiled for one version")
    return NOBODY


@pytest.fixture(scope="session")
def runs(missing):
    """Both at once: each waits for processes most of the time."""
    mine = started("standard")
    try:
        theirs = started("strict", uid=as_nobody(missing))
    except pytest.skip.Exception:
        theirs = None
    return {"mine": ended(mine), "nobody": ended(theirs) if theirs else None}

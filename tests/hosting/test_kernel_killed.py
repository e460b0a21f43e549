"""The process that hosts plugins is killed with -9: nothing of them is left."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from retinue.plugins.sandbox.outside import status_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PLUGINS = 20
NOBODY = 65534
LEVELS = ("standard", "strict")


@pytest.mark.parametrize("who", ["the user", "nobody"])
def test_a_host_that_is_killed_takes_twenty_plugins_with_it(tmp_path, missing, wait_until, who):
    scratch, work = tmp_path / "scratch", tmp_path / "work"
    for folder in (scratch, work):
        folder.mkdir()
        folder.chmod(0o777)
    tmp_path.chmod(0o755)
    python, change = interpreter(who, missing, tmp_path)
    path = [str(ROOT / "build/names"), *(p for p in sys.path if p.endswith("site-packages"))]
    env = {"PATH": "/usr/bin:/bin", "TMPDIR": str(scratch), "PYTHONPATH": ":".join(path)}
    words = [python, "-P", str(HERE / "many_plugins.py"), str(work), str(PLUGINS), *LEVELS]
    host = subprocess.Popen(words, env=env, cwd="/", stdout=subprocess.PIPE, **change)
    try:
        ready = select.select([host.stdout], [], [], 30)[0]
        line = host.stdout.readline() if ready else b""
        told = json.loads(line or b"{}")
        assert told, "it did not start"
        assert len(told["plugins"]) == PLUGINS
        if set(told["levels"]) != set(LEVELS):
            missing("a level", f"this host gives {told['levels']}")
        family = beneath(told["pid"])
        assert set(told["plugins"]) <= family
        for pid in told["plugins"]:
            os.kill(pid, signal.SIGSTOP)  # none of them gets to notice by itself
    finally:
        os.kill(host.pid, signal.SIGKILL)
        host.wait()
        host.stdout.close()
    wait_until(lambda: not any(map(runs, family)), 1.0)
    assert list(scratch.iterdir()) == []


def runs(pid):
    """Whether it is more than an entry that its new parent has not looked at."""
    try:
        return status_of(pid).get("State", "Z")[0] not in "ZX"
    except OSError:
        return False


def interpreter(who, missing, tmp_path):
    if who == "the user":
        return sys.executable, {}
    if os.geteuid() != 0:
        missing("root", "run the tests as root to be somebody else")
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    return "/usr/bin/python3", {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def beneath(pid):
    """The process and all that it started, as long as none has left."""
    found = {pid}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found |= beneath(int(child))
    return found

"""How plugins in processes of their own end, come back, and leave nothing behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
from itertools import islice
from pathlib import Path

import pytest

from retinue.bus.errors import PluginError
from retinue.bus.journal import Filter
from retinue.kernel import Kernel
from retinue.plugins.tools import ToolContext

FRAIL = """
import os

@tool
async def hello() -> str:
    return "VERSION"

@tool
async def crash() -> None:
    os._exit(3)
"""
KILLED = """
import os, signal, sys
from retinue.kernel import Kernel

kernel = Kernel(state_dir=sys.argv[1]).start()
for folder in sys.argv[2:]:
    kernel.load_plugin(folder, approve=kernel.propose_plugin(folder).digest)
pids = [str(view.pid) for view in kernel.plugins() if view.pid]
os.write(1, " ".join(pids).encode())
os.kill(os.getpid(), signal.SIGKILL)
"""


def wait_for(kernel, type, count=1):
    """Wait for so many events of a type."""
    found = filter(None, kernel.events(only=Filter(types=(type,))))
    return next(islice(found, count - 1, None))


def crash(kernel):
    with pytest.raises(PluginError, match="exited with 3"):
        kernel.invoke("guest.crash")


def test_a_plugin_that_crashes_starts_again_and_calls_wait_for_it(kernel, guest):
    guest.load(kernel, FRAIL)
    before = guest.view(kernel).pid
    crash(kernel)
    assert kernel.invoke("guest.hello") == "VERSION"
    assert guest.view(kernel).pid not in (0, before)
    exited = wait_for(kernel, "plugin.exited").data
    assert exited["reason"] == "it exited with 3"
    assert 0.05 <= exited["restart"] <= 0.1


def test_five_crashes_in_a_minute_mean_quarantine_until_an_operator_releases_it(kernel, guest):
    guest.load(kernel, FRAIL)
    for _ in range(5):
        crash(kernel)
    wait_for(kernel, "plugin.quarantined")
    view = guest.view(kernel)
    assert (view.state, view.error, view.pid) == ("quarantined", "it exited with 3", 0)
    with pytest.raises(PluginError, match=r"quarantine.*retinue plugins release guest"):
        kernel.invoke("guest.hello")
    assert kernel.release_plugin("guest").state == "running"
    assert kernel.invoke("guest.hello") == "VERSION"


def test_a_call_that_had_found_the_old_version_is_made_by_the_new_one(kernel, guest, ended):
    guest.load(kernel, FRAIL.replace("VERSION", "old"))
    hosted = kernel._live.hosted
    old, pid = hosted.plugins["guest"], guest.view(kernel).pid
    guest.load(kernel, FRAIL.replace("VERSION", "new"), "2.0")
    assert ended(pid)
    assert hosted.hosts.run(old.call("hello", {}, ToolContext()), 10) == "new"


def test_plugins_that_ran_are_started_again_with_their_kernel_and_nobody_is_asked(tmp_path, guest):
    state = tmp_path / "state"
    with Kernel(state_dir=state) as kernel:
        digest = guest.load(kernel, FRAIL.replace("VERSION", "approved"))
    guest.write(FRAIL.replace("VERSION", "changed since"))
    with Kernel(state_dir=state) as kernel:
        assert guest.view(kernel).digest == digest
        assert kernel.invoke("guest.hello") == "approved"
        assert not kernel.propose_plugin(guest.path).granted
        kernel.unload_plugin("guest")
    with Kernel(state_dir=state) as kernel:
        assert "guest" not in [view.name for view in kernel.plugins()]
        guest.write(FRAIL.replace("VERSION", "approved"))
        assert kernel.load_plugin(guest.path).granted


def test_a_plugin_whose_files_were_changed_in_the_store_is_not_started_again(tmp_path, guest):
    state = tmp_path / "state"
    with Kernel(state_dir=state) as kernel:
        digest = guest.load(kernel, FRAIL)
    code = state / "plugins" / digest / "guest_tools.py"
    code.chmod(0o644)
    code.write_text("raise SystemExit")
    with Kernel(state_dir=state) as kernel:
        view = guest.view(kernel)
        assert (view.state, "changed" in view.error) == ("failed", True)


def test_no_process_outlives_a_kernel_that_is_killed_and_all_come_back_with_it(tmp_path, ended):
    folders = []
    for name in ("one", "two", "three"):
        folders.append(tmp_path / name)
        folders[-1].mkdir()
        (folders[-1] / "plugin.toml").write_text(
            f'name = "{name}"\nversion = "1"\nentry = "{name}_tools"\n'
        )
        code = f"from retinue.plugins import tool\n{FRAIL.replace('VERSION', name)}"
        (folders[-1] / f"{name}_tools.py").write_text(code)
    state = tmp_path / "state"
    killed = subprocess.run(
        [sys.executable, "-P", "-c", KILLED, state, *folders],
        stdout=subprocess.PIPE,
        text=True,
        timeout=50,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    pids = [int(pid) for pid in killed.stdout.split()]
    assert len(pids) == 3
    assert all(ended(pid, 1.0) for pid in pids)
    with Kernel(state_dir=state) as kernel:
        assert [kernel.invoke(f"{n}.hello") for n in ("one", "two", "three")] == [
            "one",
            "two",
            "three",
        ]


def test_a_kernel_that_had_plugins_leaves_its_host_as_it_was(guest, ended, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # others use the machine's

    def cycle():
        with Kernel() as kernel:
            guest.load(kernel, FRAIL)
            guest.load(kernel, FRAIL + "\n# again", "2.0")
            crash(kernel)
            assert kernel.invoke("guest.hello") == "VERSION"
            return guest.view(kernel).pid

    cycle()
    before = left(tmp_path)
    pid = cycle()
    assert ended(pid, 0.0)
    assert left(tmp_path) == before


def test_a_kernel_without_such_plugins_starts_nothing_for_them():
    with Kernel() as kernel:
        hosts = kernel._live.hosted.hosts
        assert kernel.invoke("clock.now")
        names = [thread.name for thread in threading.enumerate()]
        assert [n for n in names if n.endswith("-plugins") or "spawner" in n] == []
        assert (hosts._spawner, hosts._given) == (None, None)


def left(folder):
    """What a kernel could leave: threads, descriptors, children, temporary folders."""
    gc.collect()
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - opens one, each time
        "children": children.split(),
        "folders": sorted(path.name for path in folder.iterdir()),
    }

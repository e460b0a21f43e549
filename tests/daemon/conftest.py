"""Real daemons: child processes on folders of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from retinue.bus.views import TaskView
from retinue.kernel.client import Client

AGENTS = """
import asyncio, gc, time

async def patient(ctx, seconds: float = 3600) -> str:
    ctx.thought("waiting")
    await asyncio.sleep(seconds)
    return "rested"

async def middle(ctx) -> str:
    return await ctx.ask("patient")

async def boss(ctx) -> str:
    return await ctx.ask("middle")

async def caller(ctx) -> dict:
    ctx.thought("asking the clock")
    return await ctx.call("clock.now")

async def collector(ctx) -> list:
    return [gc.get_threshold()[0], gc.get_freeze_count()]

async def quitter(ctx) -> None:
    raise SystemExit(3)
"""


class Daemon:
    """``retinue run`` as a child, and what a test does with it."""

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        self.folder = folder
        self.client = Client(folder / "retinue.sock")
        command = [*RETINUE, "run", "--json", "--state-dir", str(folder), "--redis", "none"]
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**environ),
        )

    def ready(self) -> dict[str, Any]:
        """The line that says so; fails with the log when the daemon ended instead."""
        line = self.process.stdout.readline()
        if not line:
            pytest.fail(f"the daemon did not start: {self.process.communicate(timeout=30)[1]}")
        said: dict[str, Any] = json.loads(line)
        return said

    def spawn(self, name: str, folder: Path) -> None:
        """Start one of the agents above."""
        (folder / "agents.py").write_text(AGENTS)
        body = {"name": name, "agent": f"{folder}/agents.py:{name}", "tools": ["clock.now"]}
        self.client.post("/v1/agents", dict, body)

    def submit(self, agent: str, **given: Any) -> TaskView:
        """A task for one of them."""
        return self.client.post("/v1/tasks", TaskView, {"agent": agent, "input": given})

    def running(self, agent: str, **given: Any) -> TaskView:
        """A task that an agent has begun with."""
        task = self.submit(agent, **given)
        self.see(task.run, "agent.thought")
        return task

    def see(self, run: str, kind: str) -> None:
        """Wait for an event of a run; fails when the run ends without it."""
        types = (kind, "run.succeeded", "run.failed", "run.cancelled")
        seen = next(self.client.events({"from": "start", "run": run, "type": types}))
        assert seen.type == kind, seen

    def cancel_all(self) -> None:
        """Leave nothing running behind."""
        for task in self.client.get("/v1/tasks", list[TaskView], {"state": "running"}):
            self.client.post(f"/v1/tasks/{task.id}/cancel", dict)
            self.client.get(f"/v1/tasks/{task.id}/wait", TaskView, {"wait": 30})

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def ended(self) -> tuple[int, str]:
        """Its exit code and the rest of its log, once it has ended."""
        _, log = self.process.communicate(timeout=30)
        return self.process.returncode, log

    def kill(self) -> None:
        """End it whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=30)

    def retinue(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """The command line in a child, against this daemon."""
        return subprocess.run(
            [*RETINUE, *arguments, "--state-dir", str(self.folder)],
            input=given,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
            env=environment(),
        )


RETINUE = [sys.executable, "-P", "-c", "from retinue.kernel.cli import main; main()"]


def environment(**more: str) -> dict[str, str]:
    """The environment without what would configure a daemon."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RETINUE_")}
    return {**kept, "XDG_CONFIG_HOME": "/nowhere", **more}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """``start(*arguments, **environ)``: a daemon on the test's own folder; killed afterwards."""
    made: list[Daemon] = []

    def starter(*arguments: str, folder: Path | None = None, **environ: str) -> Daemon:
        made.append(Daemon(folder or tmp_path / "state", *arguments, **environ))
        return made[-1]

    yield starter
    for daemon in made:
        daemon.kill()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that a file's tests share, with the agents above; no test may stop it."""
    folder = tmp_path_factory.mktemp("shared")
    made = Daemon(folder / "state")
    try:
        made.ready()
        for name in ("patient", "middle", "boss", "caller", "quitter"):
            made.spawn(name, folder)
        yield made
    finally:
        made.kill()


@pytest.fixture
def retinue(daemon: Daemon) -> Iterator[Any]:
    """``retinue("status", …)``: the command line in a child, against the shared daemon."""
    yield daemon.retinue
    daemon.cancel_all()

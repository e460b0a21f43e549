"""``retinue run`` as a child process: started, killed, and asked over its socket."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from retinue.bus.views import TaskView
from retinue.bus.wire import ObservedEvent
from retinue.kernel.client import Client

MAIN = "from retinue.kernel.cli import main; main()"
RETINUE = (sys.executable, "-P", "-c", MAIN)
WORLD = Path(__file__).with_name("world.py")


class Daemon:
    """One life of a daemon on ``folder``; the next one goes on where this one ends."""

    def __init__(self, folder: Path, *arguments: str, before: str = "", **environ: str) -> None:
        """Starts at once; ``ready`` waits for it. What it logs goes to a file beside the folder.

        ``before`` is Python that its process runs first, to be less able than others.
        """
        self.folder = folder
        self.client = Client(folder / "retinue.sock", timeout=20.0)
        self.log = folder.with_name(folder.name + ".log")
        start = [sys.executable, "-P", "-c", f"{before}\n{MAIN}"]
        command = [*start, "run", "--json", "--state-dir", str(folder), "--redis", "none"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment(**environ),
            )

    def ready(self) -> Daemon:
        """Wait until it answers; raises ``AssertionError`` with its log when it ends instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the daemon did not start: {self.log.read_text()[-3000:]}"
        assert json.loads(line)["ready"]
        return self

    def refused(self) -> str:
        """The last line that it said, once it has ended by itself; raises when it goes on."""
        out, _ = self.process.communicate(timeout=30)
        assert not out, f"it started: {out}"
        assert self.process.returncode > 0, f"exit code {self.process.returncode}"
        return self.log.read_text().rstrip().rpartition("\n")[2]

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=20)

    def spawn(self, name: str, function: str, file: Path = WORLD) -> None:
        """Start an agent of a file."""
        self.client.post("/v1/agents", dict, {"name": name, "agent": f"{file}:{function}"})

    def submit(self, agent: str, key: str = "", **given: Any) -> TaskView:
        """A task that is accepted when this returns."""
        body = {"agent": agent, "input": given, "key": key or None}
        return self.client.post("/v1/tasks", TaskView, body)

    def wait(self, task: str, seconds: float = 20.0) -> TaskView:
        """The task, once it has ended."""
        client = Client(self.folder / "retinue.sock", timeout=seconds + 10)
        return client.get(f"/v1/tasks/{task}/wait", TaskView, {"wait": seconds})

    def events(self, *, follow: bool = False, **query: Any) -> Iterator[ObservedEvent]:
        """Events from the start, or from what ``query`` says."""
        return self.client.events({"from": "start", "follow": follow, **query})


def retinue(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command on a state folder."""
    return subprocess.run(
        [*RETINUE, *arguments, "--state-dir", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(),
    )


def environment(**more: str) -> dict[str, str]:
    """The environment without what would configure a daemon."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RETINUE_")}
    return {**kept, "XDG_CONFIG_HOME": "/nowhere", **more}

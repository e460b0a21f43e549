"""Journals written by hand, and kernels in which something is stuck."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from retinue.bus.clock import ManualClock
from retinue.bus.codec import encode
from retinue.bus.envelope import Envelope
from retinue.bus.journal import MemoryStore
from retinue.bus.messages import (
    AgentSpawned,
    EventBody,
    KernelStarted,
    RunStarted,
    TaskQueued,
    TaskRunning,
    TaskScheduled,
    TaskSubmitted,
    type_of,
)
from retinue.kernel import Config, Kernel

START = 1_000_000_000.0


class Book:
    """A journal in memory that a test writes, each event a second after the one before."""

    def __init__(self, **bounds: int) -> None:
        self.store = MemoryStore(**bounds)
        self.now = START
        self.runs: dict[str, str] = {}
        self.agents: dict[str, str] = {}
        self.last: dict[str, str] = {}

    def write(self, body: EventBody, task: str = "", *, agent: str = "", after: float = 1.0) -> str:
        """Append an event about a task, caused by the one before it; returns its id."""
        self.now += after
        event = f"e-{self.store.last + 1}"
        name = agent or self.agents.get(task, "")
        cause = self.last.get(task, "e-command")
        run = self.runs.get(task, "")
        kind = type_of(type(body))
        envelope = Envelope(event, kind, self.now, encode(body), run, task, name, "", cause)
        self.store.append([envelope])
        if task:
            self.last[task] = event
        return event

    def kernel(self, *agents: str, max_running: int = 10) -> None:
        """The kernel starts, and spawns these agents."""
        self.write(KernelStarted("main", "1.0", 7, "priority", max_running))
        for name in agents:
            self.write(AgentSpawned("shared"), agent=name)

    def submit(self, task: str, agent: str, parent: str = "", **given: Any) -> None:
        """A task is accepted and queued; its run is that of its parent."""
        self.runs[task] = self.runs[parent] if parent else f"r-{task[2:]}"
        self.agents[task] = agent
        if not parent:
            self.write(RunStarted(), task, after=1.0)
        body = TaskSubmitted(msgspec.Raw(b"{}"), parent=parent, **given)
        self.write(body, task, after=0.0)
        self.write(TaskQueued(), task, after=0.0)

    def run(self, task: str, attempt: int = 1) -> None:
        """The task is chosen, and its agent begins."""
        chosen = TaskScheduled("priority", "only one waiting", attempt, 0, 1.0)
        self.write(chosen, task)
        self.write(TaskRunning(attempt), task, after=0.0)

    def begun(self, task: str, agent: str, parent: str = "", **given: Any) -> None:
        """Submitted and running."""
        self.submit(task, agent, parent, **given)
        self.run(task)


class Stage:
    """Real kernels on a folder of the test's own; closed with the test, whatever is stuck in them."""

    def __init__(self, folder: Path, until: Any) -> None:
        self.folder = folder
        self.until = until
        self.kernels = ExitStack()

    def kernel(self, **options: Any) -> Kernel:
        """A started kernel, on a journal in the folder."""
        options.setdefault("config", Config())
        return self.kernels.enter_context(Kernel(state_dir=self.folder / "state", **options))

    def still(self) -> ManualClock:
        """A clock that only the test moves."""
        return ManualClock(START)

    def see(self, kernel: Kernel, task: str, kind: str) -> None:
        """Wait until an event of that type tells of the task."""
        store = kernel.feed.store
        self.until(lambda: any(e.task == task and e.type == kind for e in store.read()))


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def stage(tmp_path: Path, wait_until: Any) -> Iterator[Stage]:
    made = Stage(tmp_path, wait_until)
    with made.kernels:
        yield made

"""The three kinds behind one door: what the kernel holds."""

from __future__ import annotations

import time
from typing import Any

from retinue.bus.clock import Clock, SystemClock

from .cells import Cells
from .executor import Done, Executor, Report, Running, Stall, Turn
from .loop import LoopThread
from .process import GRACE, ProcessExecutor
from .service import Service
from .shared import SharedExecutor, log_report
from .threads import ThreadExecutor

__all__ = ["Executors"]


class Executors:
    """An ``Executor`` that runs each turn where its spec says."""

    def __init__(
        self,
        name: str,
        cells: Cells,
        *,
        report: Report = log_report,
        grace: float = 0.5,
        stall_after: float = 2.0,
        memory: int = 4 << 30,
        clock: Clock = SystemClock(),  # noqa: B008 - stateless
    ) -> None:
        """No thread and no process until the first turn. ``name`` begins the threads' names.

        ``cells`` is where agents' own processes come from.

        ``clock`` is what the waits of async agents and tools go by, those in processes excepted.

        ``memory`` bounds each process's address space, in bytes; 0 for no bound.
        """
        self._service = Service(f"{name}-service", report)
        self.shared = SharedExecutor(
            name, grace=grace, stall_after=stall_after, report=report, clock=clock
        )
        self.threads = ThreadExecutor(
            self.shared.run, self._service, report, grace=grace, clock=clock
        )
        self.processes = ProcessExecutor(
            self.shared.run,
            self._service,
            report,
            cells,
            grace=min(grace, GRACE),
            memory=memory,
        )
        self._kinds: dict[str, Executor] = {
            "shared": self.shared,
            "thread": self.threads,
            "process": self.processes,
        }

    def start(self, turn: Turn, done: Done) -> Running:
        """As ``Executor.start``."""
        return self._kinds[turn.spec.isolation].start(turn, done)

    def check(self, now: float) -> list[Stall]:
        """As ``Executor.check``; only the shared loop can make others wait."""
        return [*self.shared.check(now), *self.threads.check(now)]

    def break_stall(self, stall: Stall) -> None:
        """As ``Executor.break_stall``."""
        self.shared.break_stall(stall)

    def forget(self, agent: str, runner: Any = None, isolation: str = "shared") -> None:
        """As ``Executor.forget``, for an agent of that isolation."""
        self._kinds[isolation].forget(agent, runner)

    def loops(self) -> list[LoopThread]:
        """The loops on which agents' code runs at present."""
        return self.shared.loops()

    def close(self, timeout: float) -> None:
        """As ``Executor.close``: whoever waits for the shared loop ends before it does."""
        deadline = time.monotonic() + timeout
        for executor in (self.processes, self.threads, self.shared, self._service):
            executor.close(max(deadline - time.monotonic(), 0.1))

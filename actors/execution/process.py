"""Agents in processes of their own: the only kind that is ended for certain."""

from __future__ import annotations

import itertools
import time
from threading import Event, Lock
from typing import Any

from retinue.bus.errors import InvalidInput
from retinue.plugins.agents import AgentSpec

from .agent_process import AgentProcess
from .bridge import Run
from .cells import Cells
from .executor import Done, Outcome, Report, Running, Stall, Turn, failed_at_once
from .outcomes import failure
from .process_turn import ProcessTurn
from .service import Service

__all__ = ["GRACE", "ProcessExecutor"]

_CLOSED = Outcome(kind="KernelClosed", cause="the kernel was closed while the turn ran")
_LAST = 1.0
GRACE = 0.25
"""Seconds to stop in: what hangs is gone well within half a second of its deadline."""


class ProcessExecutor:
    """One process an agent, started at its first turn and again after it died.

    ``grace``: seconds between telling a turn to stop and killing its process. ``memory``: bytes
    of address space that a process may use, 0 for no bound. A crash costs the turns that are
    in the process; those that wait for it get the next one. Linux only.
    """

    def __init__(
        self,
        run: Run,
        service: Service,
        report: Report,
        cells: Cells,
        *,
        grace: float = GRACE,
        memory: int = 4 << 30,
    ) -> None:
        """``run`` is where the port's coroutines are run: ``SharedExecutor.run``.

        ``cells`` is where processes come from.
        """
        self.run = run
        self.service = service
        self.report = report
        self.cells = cells
        self.grace = grace
        self.memory = memory
        self.live: dict[ProcessTurn, Done] = {}
        self._numbers = itertools.count(1)
        self._lock = Lock()
        self._closed = False
        self._empty = Event()
        # The service's thread alone touches these.
        self._processes: dict[str, AgentProcess] = {}
        self._all: set[AgentProcess] = set()

    def start(self, turn: Turn, done: Done) -> Running:
        """As ``Executor.start``; an agent that no other process could import is refused."""
        if turn.spec.reference is None:
            return failed_at_once(failure(_unreachable(turn)), done)
        running = ProcessTurn(next(self._numbers), turn, self)
        with self._lock:
            if self._closed:
                return failed_at_once(_CLOSED, done)
            self.live[running] = done
        self.service.post(lambda: self._place(running))
        return running

    def check(self, now: float) -> list[Stall]:
        """Nobody waits for an agent's own process: nothing to find."""
        return []

    def break_stall(self, stall: Stall) -> None:
        """There are none."""

    def forget(self, agent: str, runner: Any = None) -> None:
        """As ``Executor.forget``; ``on_stop`` runs in the process, for at most ``grace`` seconds."""
        self.service.post(lambda: self._retire(agent))

    def pid(self, agent: str) -> int | None:
        """The process of an agent, while it has one."""
        process = self._processes.get(agent)
        return None if process is None else process.pid

    def close(self, timeout: float) -> None:
        """As ``Executor.close``: told, then killed; no process is left."""
        deadline = time.monotonic() + timeout
        with self._lock:
            self._closed = True
        for running in list(self.live):
            running.cancel("the kernel was closed", "KernelClosed")
        if self._all:
            self.service.post(self._retire_all)
            if not self._empty.wait(max(deadline - time.monotonic(), 0.0)):
                self.service.post(self._kill_all)
                self._empty.wait(_LAST)
        for running in list(self.live):
            running.settle(_CLOSED)

    def interrupt(self, turn: ProcessTurn) -> None:
        """As ``Hall.interrupt``."""
        self.service.post(lambda: self._interrupt(turn))

    def vacate(self, process: AgentProcess, waiting: list[ProcessTurn]) -> None:
        """As ``House.vacate``."""
        if self._processes.get(process.agent) is process:
            del self._processes[process.agent]
        for turn in waiting:
            self._place(turn)
        self._all.discard(process)
        if self._closed and not self._all:
            self._empty.set()

    def _place(self, turn: ProcessTurn) -> None:
        if turn.over:
            return
        if turn.stop is not None or self._closed:
            turn.leave(turn.stop or _CLOSED)
            return
        self._process(turn).add(turn)

    def _process(self, turn: ProcessTurn) -> AgentProcess:
        """The agent's process; a fresh one when the name by now means another agent."""
        process = self._processes.get(turn.agent)
        if process is not None and _same(process.spec, turn.turn.spec):
            return process
        self._retire(turn.agent)
        process = self._processes[turn.agent] = AgentProcess(turn.agent, turn.turn.spec, self)
        self._all.add(process)
        return process

    def _interrupt(self, turn: ProcessTurn) -> None:
        for process in list(self._all):
            if process.has(turn):
                process.interrupt(turn)
                return
        turn.leave(turn.stop or _CLOSED)  # it has none yet

    def _retire(self, agent: str) -> None:
        process = self._processes.pop(agent, None)
        if process is not None:
            process.retire()

    def _retire_all(self) -> None:
        for agent in list(self._processes):
            self._retire(agent)
        if not self._all:
            self._empty.set()

    def _kill_all(self) -> None:
        for process in list(self._all):
            process.kill("was killed: the kernel was closed")


def _same(one: AgentSpec, other: AgentSpec) -> bool:
    return (one.reference, one.permissions) == (other.reference, other.permissions)


def _unreachable(turn: Turn) -> InvalidInput:
    return InvalidInput(
        f"agent '{turn.spec.name}' cannot run in a process: another process cannot import it; "
        "define it at module level, in a file"
    )

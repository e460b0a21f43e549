"""Blocking agents, each on a thread of its own."""

from __future__ import annotations

import time
from threading import Lock
from typing import Any

from retinue.bus.clock import Clock, SystemClock

from .bridge import Run
from .executor import Done, Outcome, Report, Running, Stall, Turn, failed_at_once
from .service import Service
from .straggler import Straggler
from .strike import doing
from .thread_turn import ThreadTurn
from .worker import Worker

__all__ = ["ThreadExecutor"]

_CLOSED = Outcome(kind="KernelClosed", cause="the kernel was closed while the turn ran")


class ThreadExecutor:
    """One thread an agent, made at its first turn and ended after ``idle`` seconds without one.

    Turns of one agent follow one another. ``grace``: seconds between telling a turn to stop
    and raising an exception into it; ``strike_after``: seconds from there until its thread is
    left behind, which happens to what is blocked in C.
    """

    def __init__(
        self,
        run: Run,
        service: Service,
        report: Report,
        *,
        idle: float = 30.0,
        grace: float = 0.5,
        strike_after: float = 0.25,
        clock: Clock = SystemClock(),  # noqa: B008 - stateless
    ) -> None:
        """``run`` is where the port's coroutines are run: ``SharedExecutor.run``.

        ``clock`` is what the waits of async agents go by.
        """
        self.run = run
        self.service = service
        self.grace = grace
        self.strike_after = strike_after
        self.live: dict[ThreadTurn, Done] = {}
        self._report = report
        self._idle = idle
        self.clock = clock
        self._lock = Lock()
        self._workers: dict[str, Worker] = {}
        self._left: list[Worker] = []
        self._renewed: dict[Any, Any] = {}
        self._closed = False

    def start(self, turn: Turn, done: Done) -> Running:
        """As ``Executor.start``."""
        running = ThreadTurn(turn, self)
        with self._lock:
            if not self._closed:
                self.live[running] = done
                self._worker(running.agent).queue.put(running)
                return running
        return failed_at_once(_CLOSED, done)

    def check(self, now: float) -> list[Stall]:
        """Nobody waits for an agent's own thread: nothing to find. Those left behind are struck again."""
        for worker in list(self._left):
            if worker.straggler is not None and worker.thread.is_alive():
                worker.straggler.look()
        return []

    def break_stall(self, stall: Stall) -> None:
        """There are none."""

    def forget(self, agent: str, runner: Any = None) -> None:
        """Run the agent's ``on_stop`` on its thread, and end that."""
        with self._lock:
            runner = self._renewed.pop(runner, runner)
            worker = self._workers.pop(agent, None)
            if worker is None and runner is not None and not self._closed:
                worker = self._worker(agent)
                del self._workers[agent]
            if worker is not None:
                self._left.append(worker)
        if worker is not None:
            worker.queue.put(lambda: self._stop(agent, runner, worker))
            worker.queue.put(None)

    def close(self, timeout: float) -> None:
        """As ``Executor.close``. A thread that is blocked in C is left behind, and reported."""
        deadline = time.monotonic() + timeout
        with self._lock:
            self._closed = True
            workers = [*self._workers.values(), *self._left]
            self._workers.clear()
        for running in list(self.live):
            running.cancel("the kernel was closed", "KernelClosed")
        for worker in workers:
            worker.queue.put(None)
        for worker in workers:
            if not _ended(worker, deadline):
                self._report(worker.agent, f"its thread is left behind in {_at(worker)}")
        for running in list(self.live):
            running.settle(_CLOSED)

    def instance(self, turn: Turn) -> Any:
        """As ``Office.instance``."""
        return self._renewed.get(turn.runner, turn.runner)

    def leave_behind(self, turn: Turn, worker: Worker) -> None:
        """As ``Office.leave_behind``: a fresh thread takes over what waits."""
        self._report(worker.agent, f"its thread is left behind in {_at(worker)}")
        with self._lock:
            worker.left = True
            worker.straggler = Straggler(worker.thread, lambda: worker)
            self._renewed[turn.runner] = turn.spec.instance()  # it may hold its own locks there
            self._left = [left for left in self._left if left.thread.is_alive()]
            self._left.append(worker)
            if self._workers.get(worker.agent) is not worker:
                return
            del self._workers[worker.agent]
            if not worker.queue.empty() and not self._closed:
                self._take_over(worker)

    def _worker(self, agent: str) -> Worker:
        """The caller holds the lock."""
        worker = self._workers.get(agent)
        if worker is None:
            worker = self._workers[agent] = Worker(agent, self._idle, self._retire, self.clock)
            # Thread.start waits for the thread to be there: not on the kernel's dispatcher.
            self.service.post(lambda: self._launch(worker))
        return worker

    def _launch(self, worker: Worker) -> None:
        try:
            worker.thread.start()
        except RuntimeError as error:  # the system gives no more threads
            failed = Outcome(kind="StartFailed", cause=f"agent '{worker.agent}': {error}")
            with self._lock:
                self._workers.pop(worker.agent, None)
            while not worker.queue.empty():
                if isinstance(turn := worker.queue.get_nowait(), ThreadTurn):
                    turn.settle(failed)

    def _take_over(self, old: Worker) -> None:
        fresh = self._worker(old.agent)
        while not old.queue.empty():
            fresh.queue.put(old.queue.get_nowait())

    def _retire(self, worker: Worker) -> bool:
        """Let an idle worker go, unless a turn has come meanwhile. Its own thread."""
        with self._lock:
            if self._workers.get(worker.agent) is not worker:
                return worker.queue.empty()
            del self._workers[worker.agent]
            if not worker.queue.empty():
                self._take_over(worker)
            return True

    def _stop(self, agent: str, runner: Any, worker: Worker) -> None:
        try:
            stopping = None if runner is None else runner.stop()
            if stopping is not None:
                worker.own_loop().run_until_complete(stopping)
        except BaseException as error:  # noqa: BLE001 - the agent's own on_stop
            self._report(agent, f"on_stop raised {type(error).__name__}: {error}")


def _ended(worker: Worker, deadline: float) -> bool:
    if worker.thread.ident is not None:
        worker.thread.join(max(deadline - time.monotonic(), 0.0))
    return not worker.thread.is_alive()


def _at(worker: Worker) -> str:
    return doing(worker.thread.ident or 0)

"""Async agents on one loop, on a thread of its own, apart from the kernel's dispatcher."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from functools import partial
from threading import Lock
from typing import Any

from loguru import logger

from retinue.bus.clock import Clock, SystemClock

from .executor import (
    AgentLoopLost,
    Done,
    Outcome,
    Report,
    Running,
    Stall,
    Turn,
    failed_at_once,
)
from .guests import Guest
from .home import Home, Tenant
from .loop import LoopThread
from .outcomes import failure
from .shared_turn import SharedTurn
from .strike import absorb, doing
from .watch import Held, LoopWatch

__all__ = ["SharedExecutor", "log_report"]

_LOOK = 0.05
"""Seconds between two looks at a thread that does not end."""
_CLOSED = Outcome(kind="KernelClosed", cause="the kernel was closed while the turn ran")


def log_report(agent: str, text: str) -> None:
    """The default ``Report``: a line at level warning in the host program's log."""
    logger.bind(agent=agent).warning("{}: {}", agent or "agents' loop", text)


class SharedExecutor:
    """Runs turns side by side on one loop, and goes on with a fresh one when it is blocked.

    ``stall_after``: seconds for which one turn may hold the thread. ``strike_after``: seconds
    that it gets to end once an exception was raised into it. ``grace``: seconds that a turn
    which was told to stop gets.
    """

    def __init__(
        self,
        name: str = "agents",
        *,
        grace: float = 0.5,
        stall_after: float = 2.0,
        strike_after: float = 1.0,
        report: Report = log_report,
        clock: Clock = SystemClock(),  # noqa: B008 - stateless
    ) -> None:
        """The thread starts with the first turn. ``clock`` is what agents' waits go by."""
        self._name = name
        self._grace = grace
        self._stall_after = stall_after
        self._strike_after = strike_after
        self._report = report
        self._clock = clock
        self._lock = Lock()
        self._home: Home | None = None
        self._old: list[Home] = []
        self._watch: LoopWatch | None = None
        self._stopping: set[Future[Any]] = set()
        self._lost_one = False
        self._closed = False
        self.guests = 0
        """How many coroutines were run for others so far."""

    def start(self, turn: Turn, done: Done) -> Running:
        """As ``Executor.start``; some 5 µs, and one wake-up of the loop for all that come at once."""
        with self._lock:
            home = self._home or self._move_in()
            if home is not None:
                running = SharedTurn(turn, home, self._grace)
                home.add(running, done)
                home.thread.post(partial(running.begin, home))
                return running
        return failed_at_once(_CLOSED, done)

    def run(self, coroutine: Coroutine[Any, Any, Any], agent: str = "") -> Future[Any]:
        """Run a coroutine on the agents' loop for a turn that lives elsewhere. Any thread.

        Cancelling the future cancels the coroutine. It fails with ``AgentLoopLost`` when the
        loop is lost, and with ``KernelClosed`` at the end.
        """
        with self._lock:
            self.guests += 1
            home = self._home or self._move_in()
            if home is not None:
                return Guest(coroutine, home, agent).move_in()
        return Guest.refused(coroutine, _CLOSED)

    def check(self, now: float) -> list[Stall]:
        """As ``Executor.check``; also ends turns that were told to stop behind a blocked loop."""
        for lost in list(self._old):
            if not lost.thread.join(0):
                lost.straggler.look()
        home, watch = self._home, self._watch
        if home is None or watch is None:
            return []
        home.force_the_told(now, self._grace)
        if not home.live and not home.told:
            return []
        held = watch.look(now)
        if held is None:
            return []
        return self._judge(home, held)

    def break_stall(self, stall: Stall) -> None:
        """Strike first; when that did not help, go on with a fresh loop and fail what lived here."""
        found, tenant, task = stall.culprit
        home = self._home
        if home is None or home is not found:
            return
        hung = _hung(stall)
        if stall.struck:
            self._abandon(home, tenant, hung)
            return
        if self._watch is not None:
            self._watch.struck()
        if isinstance(tenant, SharedTurn):
            tenant.hit(task, hung)
        else:
            home.strike(task)

    def forget(self, agent: str, runner: Any = None) -> None:
        """As ``Executor.forget``; ``on_stop`` has ``grace`` seconds."""
        with self._lock:
            home = self._home
        runner = runner if home is None or runner is None else home.give_up(runner)
        if runner is not None:
            stopping = self.run(_stopped(runner, self._grace), agent)
            self._stopping.add(stopping)
            stopping.add_done_callback(partial(self._stopped, agent))

    def loops(self) -> list[LoopThread]:
        """The loop of the turns that run, if there is one."""
        home = self._home
        return [] if home is None else [home.thread]

    def close(self, timeout: float) -> None:
        """As ``Executor.close``. A thread that is blocked in C is left behind, and reported."""
        deadline = time.monotonic() + timeout
        wait(list(self._stopping), timeout=min(2 * self._grace, timeout))
        with self._lock:
            self._closed = True
            homes = [*self._old, *([self._home] if self._home else [])]
            self._home = None
        for home in homes:
            home.leave(_CLOSED)
        for home in homes:
            ended = self._ended(home, deadline)
            home.settle_all(_CLOSED)
            if not ended:
                self._report("", f"a thread is left behind in {doing(home.thread.ident)}")

    def _ended(self, home: Home, deadline: float) -> bool:
        """Give it its grace, and then strike what holds it."""
        if home.thread.join(min(self._grace, deadline - time.monotonic())):
            return True
        while (left := deadline - time.monotonic()) > 0:
            home.straggler.look()
            if home.thread.join(min(_LOOK, left)):
                return True
        home.straggler.let_be()
        return home.thread.join(0)

    def _stopped(self, agent: str, stopping: Future[Any]) -> None:
        self._stopping.discard(stopping)
        if not stopping.cancelled() and (error := stopping.exception()) is not None:
            self._report(agent, f"on_stop did not end well: {failure(error).kind}: {error}")

    def _move_in(self) -> Home | None:
        """A fresh loop; the caller holds the lock."""
        if self._closed:
            return None
        first = not self._lost_one
        self._home = Home(self._name, self._report, self._lost, first=first, clock=self._clock)
        self._watch = LoopWatch(self._home.thread)
        return self._home

    def _judge(self, home: Home, held: Held) -> list[Stall]:
        tenant = home.owner(held.task) if held.task is not None else None
        if held.struck is not None:
            due = held.struck > self._strike_after
        else:
            told = tenant in home.told
            due = held.seconds > (self._grace if told else self._stall_after)
        if not due:
            return []
        agent, task = (tenant.agent, tenant.task_id) if tenant else ("", "")
        what, struck = doing(home.thread.ident), held.struck is not None
        return [Stall(agent, task, held.seconds, what, struck, (home, tenant, held.task))]

    def _lost(self, home: Home) -> None:
        """A strike missed its turn; on the loop's thread."""
        self._abandon(home, None, None)

    def _abandon(self, home: Home, culprit: Tenant | None, hung: Outcome | None) -> None:
        with self._lock:
            if self._home is not home:
                return
            self._home = self._watch = None
            self._lost_one = True
            self._old = [old for old in self._old if not old.thread.join(0)]
            self._old.append(home)
            if home.fresh and (fresh := self._move_in()) is not None:
                home.move_fresh(fresh)
        absorb(home.thread.ident)
        if culprit is not None and hung is not None:
            culprit.settle(hung)
        home.leave(_LOST)
        home.settle_all(_LOST)


_LOST = Outcome(
    kind=AgentLoopLost.__name__,
    cause="a neighbour blocked the agents' loop; this turn can be retried",
)


def _hung(stall: Stall) -> Outcome:
    return Outcome(
        kind="AgentHung",
        cause=f"agent '{stall.agent}' held the agents' loop for {stall.seconds:.1f} s in {stall.what}; "
        "await in long work, or give it isolation='thread' or 'process'",
    )


async def _stopped(runner: Any, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        if (stopping := runner.stop()) is not None:
            await stopping

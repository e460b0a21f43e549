"""The agents' loop of a replay, and the executor that starts turns on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from threading import Lock, get_ident
from typing import Any

import msgspec

from retinue.actors.execution.executor import Done, Outcome, Running, Turn
from retinue.actors.execution.home import Home, Tenant, adopting
from retinue.actors.execution.shared_turn import SharedTurn
from retinue.bus.clock import Clock

from .gates import Gates
from .lockstep import Lockstep
from .virtual_loop import VirtualLoop

__all__ = ["ReplayHome"]

GRACE = 0.5
"""Seconds, as the kernel's executors give to a turn that was told to stop."""

ROUNDS = 20
"""How often a turn may go on after a cancel."""

CLOSED = Outcome(kind="KernelClosed", cause="the kernel was closed while the turn ran")


class ReplayHome(Home):
    """A ``Home`` on a loop that has no thread, and an ``Executor`` for turns of every isolation."""

    def __init__(
        self, loop: VirtualLoop, gates: Gates, clock: Clock, begins: Callable[[str], None]
    ) -> None:
        """``begins`` is told of each turn's task. Plain functions get a thread, in step with the loop."""
        self.clock = clock
        self._begins = begins
        self._gates = gates
        self.live: dict[Tenant, Callable[[Outcome], None]] = {}
        self.fresh: set[Tenant] = set()
        self.told: dict[Tenant, float | None] = {}
        self.lock = Lock()
        self.thread: Any = _OnLoop(loop)
        self._instances = None
        loop.set_task_factory(adopting)  # type: ignore[arg-type]
        self._report = _unheard

    def start(self, turn: Turn, done: Done) -> Running:
        """As ``Executor.start``."""
        if not turn.spec.is_async:
            runner = turn.runner or turn.spec.instance()
            carried = partial(self._carried, turn.port.task)
            lockstep = Lockstep(runner, turn.port, self.clock, carried)
            turn = msgspec.structs.replace(turn, runner=lockstep)
        self._begins(turn.port.task)
        running = SharedTurn(turn, self, GRACE)
        self.add(running, done)
        self._gates.add("begin", turn.port.task, partial(self._begin, running))
        return running

    async def _carried(self, task: str) -> None:
        """A call on its way from a thread: a turn that is stopped meanwhile never makes it."""
        arrived: Any = self.thread.loop.create_future()
        self._gates.add("begin", task, lambda: arrived.done() or arrived.set_result(None))
        await arrived

    def _begin(self, running: SharedTurn) -> None:
        self.thread.post(partial(running.begin, self))

    def forget(self, agent: str, runner: Any = None, isolation: str = "shared") -> None:
        """The agent is gone; what it would do last is no part of a run."""

    def end_turns(self) -> None:
        """The kernel is closed, or killed: every turn is cancelled, and ends without a decision."""
        for tenant in list(self.live):
            tenant.dismiss(CLOSED)
        for task in asyncio.all_tasks(self.thread.loop):
            task.cancel()

    def wind_up(self) -> None:
        """End turns for good, also those that do something yet when they are cancelled."""
        loop: VirtualLoop = self.thread.loop
        for _ in range(ROUNDS):
            self.end_turns()
            loop.run_ready()
            if not asyncio.all_tasks(loop):
                break


class _OnLoop:
    """What a turn asks of a ``LoopThread``."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop

    @property
    def ident(self) -> int:
        return get_ident()

    def post(self, callback: Callable[[], object]) -> bool:
        self.loop.call_soon(callback)
        return True

    wake = post


def _unheard(agent: str, text: str) -> None:
    """What an executor would log."""

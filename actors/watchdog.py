"""The watchdog: looks at every running turn a few times a second, and names those that hang."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from retinue.bus.messages import CancelTask, TaskStalled

from .agent import Working
from .base import KernelActor
from .execution.executor import Executor, Stall
from .progress import Budgets, Hanging, Observed, hanging
from .runtime import ActorRef
from .scribe import Scribe

__all__ = ["Watchdog"]

INTERVAL = 0.25


class _Tick(msgspec.Struct, frozen=True):
    """It is time to look."""


class Watchdog(KernelActor):
    """A light actor. ``machine`` is the executor's clock, which no test can move."""

    handles: ClassVar = {_Tick: "_look"}

    def __init__(
        self,
        scribe: Scribe,
        orchestrator: Callable[[], ActorRef[Any]],
        executor: Executor,
        turns: Mapping[str, Working],
        budgets: Budgets,
        action: str,
        after: Callable[[float, ActorRef[Any], Any], Any],
        machine: Callable[[], float],
    ) -> None:
        """``turns`` are those that run, by task; ``action`` is ``report`` or ``cancel``."""
        super().__init__()
        self._scribe = scribe
        self._orchestrator = orchestrator
        self._executor = executor
        self._turns = turns
        self._budgets = budgets
        self._action = action
        self._after = after
        self._machine = machine
        self._told: dict[str, float] = {}

    def on_start(self) -> None:
        """Begin to look."""
        self._after(INTERVAL, self.actor_ref, _Tick())

    def _look(self, _: _Tick) -> None:
        self._look_at_threads()
        self._look_at_turns()
        self._after(INTERVAL, self.actor_ref, _Tick())  # after a failure on_start does it

    def _look_at_threads(self) -> None:
        for stall in self._executor.check(self._machine()):
            self._report_stall(stall)
            self._executor.break_stall(stall)

    def _look_at_turns(self) -> None:
        turns = dict(self._turns)
        self._told = {task: at for task, at in self._told.items() if task in turns}
        observed = [
            Observed(task, w.turn.agent, w.turn.step, w.began, w.turn.progressed)
            for task, w in turns.items()
        ]
        for found in hanging(observed, self._budgets, self._scribe.clock.monotonic()):
            progressed = turns[found.task].turn.progressed
            if self._told.get(found.task) != progressed:
                self._told[found.task] = progressed
                self._act(found, turns[found.task])

    def _act(self, found: Hanging, working: Working) -> None:
        turn = working.turn
        where = working.running.what() if working.running is not None else turn.step
        turn.steps.remark(TaskStalled(f"{found.what} ({where})", found.seconds, self._action))
        if self._action == "cancel":
            reason = f"no progress in {found.what} for {found.seconds:.1f} s"
            self._orchestrator().tell(turn.steps.write(CancelTask(reason)))

    def _report_stall(self, stall: Stall) -> None:
        working = self._turns.get(stall.task)
        event = TaskStalled(
            stall.what, stall.seconds, "its loop is abandoned" if stall.struck else "interrupted"
        )
        if working is not None:
            working.turn.steps.remark(event)
        else:
            self._scribe.append([self._scribe.write(event, agent=stall.agent)])

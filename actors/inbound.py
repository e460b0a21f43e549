"""What comes in from outside over Redis: telemetry, on its way to the journal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec

from retinue.bus.envelope import Envelope

from .base import KernelActor
from .runtime import Future
from .runtime.future import VALUE
from .scribe import Scribe
from .task_table import TaskTable

__all__ = ["Door", "TakeIn", "TelemetryDesk"]


class TakeIn(msgspec.Struct, frozen=True):
    """To the desk: commit these, but for those of runs that have ended."""

    envelopes: Sequence[Envelope] = ()


class TelemetryDesk(KernelActor):
    """Has the last word on what is taken in: nothing of a run that has ended.

    A light actor, like the Orchestrator and on its thread: between the look at a run and the append
    no run can end, so that what is let through stands before the run's last event.
    """

    handles: ClassVar = {TakeIn: "_take_in"}

    def __init__(self, scribe: Scribe, table: TaskTable) -> None:
        """``table`` tells which runs have ended."""
        super().__init__()
        self._scribe = scribe
        self._runs = table.runs

    def _take_in(self, told: TakeIn) -> Future[int]:
        """Answered with how many were refused, once the others are committed."""
        reply = self.defer()
        open_ones = [one for one in told.envelopes if self._may(one.run)]
        refused = len(told.envelopes) - len(open_ones)
        if open_ones:
            self._scribe.append(open_ones, lambda _: reply.settle(VALUE, refused))
        else:
            reply.settle(VALUE, refused)
        return reply

    def _may(self, name: str) -> bool:
        run = self._runs.get(name)
        return run is None or run.open > 0


class Door:
    """Open until the kernel is about to say its last word. Any thread may use it."""

    def __init__(self) -> None:
        """Open."""
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Once this returns, nothing more is let in; ``let_in`` that is under way is waited for."""
        with self._lock:
            self._closed = True

    def let_in(self, bring: Callable[[], Any]) -> Any:
        """What ``bring`` gives, which must not wait; ``None`` without calling it when closed."""
        with self._lock:
            return None if self._closed else bring()

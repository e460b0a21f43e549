"""Processor time that a plugin uses while nobody asked it for anything."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["Burnt", "IdleWatch", "cpu_seconds"]

PERIOD = 2.0
BUDGET = 10.0
"""Seconds of processor time between calls, without a pause, until the process is ended for it."""
_REST = 0.1
"""The part of a period below which it counts as a pause."""


class Burnt:
    """Adds up what was used between calls. Pure; a deadline bounds what is used in them."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self._calls = -1
        self._cpu = 0.0
        self._used = 0.0

    def is_over(self, cpu: float, seconds: float, calls: int, *, busy: bool) -> bool:
        """Whether the budget is used up; ``cpu`` is all that was used so far, in seconds.

        ``seconds`` passed since it was asked last, ``calls`` were made ever, and ``busy`` says
        that one is open.
        """
        used, self._cpu = cpu - self._cpu, cpu
        if busy or calls != self._calls or used < _REST * seconds:
            self._used = 0.0
        else:
            self._used += used
        self._calls = calls
        return self._used > self._budget


class IdleWatch:
    """Looks at one process now and then, on the loop, until ``close``."""

    def __init__(
        self,
        pid: int,
        state: Callable[[], tuple[int, bool]],
        over: Callable[[str], None],
        period: float = PERIOD,
        budget: float = BUDGET,
    ) -> None:
        """``state`` gives how many calls were made, and whether one is open."""
        self._pid = pid
        self._state = state
        self._over = over
        self._period = period
        self._budget = budget
        self._burnt = Burnt(budget)
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_later(period, self._look)

    def close(self) -> None:
        """Look no more."""
        self._next.cancel()

    def _look(self) -> None:
        self._next = self._loop.call_later(self._period, self._look)
        calls, busy = self._state()
        with suppress(OSError, ValueError, IndexError):  # it is gone: others see to that
            if self._burnt.is_over(cpu_seconds(self._pid), self._period, calls, busy=busy):
                self._over(f"it used {self._budget:g} s of processor time while no call was open")


def cpu_seconds(pid: int) -> float:
    """What a process and its threads have used; raises ``OSError`` when there is none."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    fields = stat.rpartition(")")[2].split()  # its name, which it chooses itself, may hold anything
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

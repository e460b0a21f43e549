"""A thread that works for one agent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Protocol

from retinue.bus.clock import Clock

from .loop import wind_up
from .straggler import Straggler
from .timekeeping import keep_time

__all__ = ["Work", "Worker"]


class Work(Protocol):
    """A turn, as its worker sees it."""

    struck: bool
    """An exception was raised into it from outside."""

    def perform(self, worker: Worker) -> None:
        """Run it, here and now, whatever it raises."""


class Worker:
    """Takes turns from its queue, one at a time, until it is idle for long or told to end."""

    def __init__(
        self, agent: str, idle: float, retire: Callable[[Worker], bool], clock: Clock
    ) -> None:
        """``retire`` is asked after ``idle`` seconds without a turn; True lets the thread end."""
        self.agent = agent
        self.queue: SimpleQueue[Work | Callable[[], None] | None] = SimpleQueue()
        self.left = False
        self.straggler: Straggler | None = None
        """What is done about its thread, once that was left behind."""
        self.thread = threading.Thread(target=self._run, name=f"agent-{agent}", daemon=True)
        self._idle = idle
        self._retire = retire
        self._clock = clock
        self._back_in_time: Callable[[], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def own_loop(self) -> asyncio.AbstractEventLoop:
        """For an async agent that asked for a thread; made when it is needed. This thread."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._back_in_time = keep_time(self._loop, self._clock)
        return self._loop

    def _run(self) -> None:
        try:
            while not self.left and self._next():
                pass
        finally:
            if self._loop is not None and self._back_in_time is not None:
                self._back_in_time()
                wind_up(self._loop, _contained)
                self._loop.close()

    def _next(self) -> bool:
        try:
            turn = self.queue.get(timeout=self._idle)
        except Empty:
            return not self._retire(self)
        if turn is None:
            return False
        if callable(turn):
            turn()
            return True
        turn.perform(self)
        # What was struck may have been in the middle of anything, its loop included.
        return not turn.struck or not self._retire(self)


def _contained(step: Callable[[], object]) -> None:
    """The agent's left-over tasks may raise anything, and nobody is there to hear it."""
    with suppress(BaseException):
        step()

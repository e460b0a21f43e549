"""One turn in an agent's own process, as the kernel's side sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from retinue.bus.codec import encode_value
from retinue.bus.errors import RetinueError
from retinue.plugins.host.frames import Begin

from .base_turn import told
from .cells import Door
from .executor import Outcome, Turn

__all__ = ["Hall", "ProcessTurn"]


class Hall(Protocol):
    """What a turn needs of its executor."""

    live: dict[ProcessTurn, Callable[[Outcome], None]]

    def interrupt(self, turn: ProcessTurn) -> None:
        """The turn was told to stop: see to it that it does. Any thread."""


class ProcessTurn:
    """A ``Running``. ``stop`` is what it was told, ``asks`` what its process asked and waits for."""

    __slots__ = (
        "_hall",
        "agent",
        "asks",
        "door",
        "number",
        "stop",
        "task_id",
        "timer",
        "turn",
        "where",
    )

    def __init__(self, number: int, turn: Turn, hall: Hall) -> None:
        self.number = number
        self.turn = turn
        self.agent: str = turn.port.agent
        self.task_id: str = turn.port.task
        self.stop: Outcome | None = None
        self.asks: dict[int, Future[Any]] = {}
        self.door: Door | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.where = "queued"
        self._hall = hall

    @property
    def over(self) -> bool:
        """Whether its outcome was reported."""
        return self not in self._hall.live

    def cancel(self, reason: str, kind: str = "Cancelled") -> None:
        """As ``Running.cancel``: told first, and after the grace its process is killed."""
        if self.stop is None and not self.over:
            self.stop = told(reason, kind)
            self._hall.interrupt(self)

    def what(self) -> str:
        """As ``Running.what``."""
        return f"agent '{self.agent}', task {self.task_id}: {self.where}"

    def settle(self, outcome: Outcome) -> None:
        """End it with ``outcome``, unless it has ended. Any thread."""
        done = self._hall.live.pop(self, None)
        if done is not None:
            done(outcome)

    def leave(self, outcome: Outcome) -> None:
        """Let go of what it asked for, and end it. The service's thread."""
        if self.timer is not None:
            self.timer.cancel()
        for future in list(self.asks.values()):
            future.cancel()
        self.settle(outcome)

    def expire(self) -> None:
        """It took too long."""
        self.cancel(
            f"the attempt took longer than its {self.turn.timeout:g} s; "
            "give the agent a longer attempt_timeout",
            "DeadlineExceeded",
        )

    def frame(self) -> Begin:
        """What its process is told; raises ``InvalidInput`` for a state that is not JSON."""
        port = self.turn.port
        state = encode_value(port.state, "the agent's state")
        return Begin(
            self.number,
            self.turn.input,
            port.run,
            port.task,
            port.agent,
            port.attempt,
            port.deadline,
            state,
            self._model(),
        )

    def _model(self) -> str:
        try:
            return self.turn.port.model().name
        except RetinueError:  # it has none, which it is told when it uses one
            return ""

"""What waits for its moment in a replay: each is opened when the record calls for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

import msgspec

from .virtual_loop import VirtualLoop

__all__ = ["Gate", "Gates", "Kind"]

Kind: TypeAlias = Literal[
    "ack",  # a call was written down: its turn goes on
    "reply",  # the Orchestrator answered: the turn that asked goes on
    "result",  # a child has ended: its parent's turn goes on
    "piece",  # the next piece of a model's answer
    "answer",  # a tool's answer, or how far it is
    "given",  # the end of a turn whose code is not here
    "submit",  # a turn's command for the Orchestrator, which has not got it yet
    "cancel",
    "over",  # a turn is over, and its agent has not heard of it yet
    "ended",
    "notice",  # it has not heard yet that the task was scheduled, or runs
    "run",  # the Scheduler's command for an agent, which has not got it yet
    "stop",
    "begin",  # a turn was started, and its code has not run yet
    "resume",  # the kernel started again: what was open goes on
    "retry",  # the end of a back-off
    "deadline",  # of a task; ``message`` is when, in seconds since the epoch
    "force",  # the time that a task has to end in, once it was told to
]


class Gate(msgspec.Struct, eq=False):
    """``task`` says whose turn or end it is; ``ref`` tells gates of a kind apart.

    ``since`` is when it came, by the loop's time.
    """

    kind: Kind
    task: str
    ref: str
    open: Callable[[], None]
    message: Any = None
    since: float = 0.0


class Gates:
    """All that wait, in the order in which they came."""

    def __init__(self, loop: VirtualLoop) -> None:
        """None."""
        self._loop = loop
        self._waiting: list[Gate] = []

    def add(
        self,
        kind: Kind,
        task: str,
        open: Callable[[], None],
        ref: str = "",
        message: Any = None,
    ) -> None:
        """One more."""
        self._waiting.append(Gate(kind, task, ref, open, message, self._loop.now))

    def find(
        self, kinds: Iterable[Kind], task: str | None = None, ref: str | None = None
    ) -> list[Gate]:
        """Those of these kinds; of any task, or any ``ref``, where none is given."""
        wanted = frozenset(kinds)
        return [
            gate
            for gate in self._waiting
            if gate.kind in wanted and task in (None, gate.task) and ref in (None, gate.ref)
        ]

    def open(self, gate: Gate) -> None:
        """Let it through, once, and as if at the time when it came: from then on timers count."""
        self._waiting.remove(gate)
        self._loop.now = gate.since
        gate.open()

    def clear(self) -> None:
        """Nobody waits any more."""
        self._waiting.clear()

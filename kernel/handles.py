"""``TaskHandle``: one task, as the one who submitted it holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from retinue.actors.feed import Feed
from retinue.actors.runtime import Future
from retinue.actors.turn import outcome_of
from retinue.bus.envelope import Event
from retinue.bus.errors import DeadlineExceeded
from retinue.bus.journal import Filter
from retinue.bus.messages import TERMINAL_RUN, TERMINAL_TASK

from . import looks
from .cancelling import cancel
from .follow import follow
from .tree import Tree

__all__ = ["TaskHandle"]


class TaskHandle:
    """A task in a kernel. Any thread may use it; it holds nothing that has to be closed."""

    def __init__(
        self,
        tree: Tree,
        task: str,
        run: str,
        start: int,
        ended: Future[Event],
        *,
        root: bool,
    ) -> None:
        """``start`` is a ``seq`` before the run's first event; made by ``Kernel``."""
        self.id = task
        self.run = run
        self._tree = tree
        self._start = start
        self._root = root
        self.ended = ended

    def __repr__(self) -> str:
        return f"<TaskHandle {self.id} {self.state}>"

    @property
    def cursor(self) -> int:
        """A ``seq`` before the run's first event: who reads on from there misses nothing of it."""
        return self._start

    @property
    def state(self) -> str:
        """submitted, queued, scheduled, running, succeeded, failed or cancelled."""
        if self.ended.settled:
            return self.ended.outcome().type.removeprefix("task.")
        return looks.task_one(self._tree, self.id).state

    @property
    def done(self) -> bool:
        """Whether the task has ended."""
        return self.ended.settled

    def result(self, timeout: float | None = None) -> Any:
        """What the agent returned, waiting for it at most ``timeout`` seconds.

        Raises ``TaskFailed``, ``TaskCancelled``, ``DeadlineExceeded`` (the task then goes on), and
        ``KernelClosed`` when the kernel was closed first.
        """
        try:
            event = self.ended.get(timeout=timeout)
        except DeadlineExceeded:
            raise DeadlineExceeded(
                f"task {self.id} is still {self.state} after {timeout:g} s: "
                "wait longer, or cancel it"
            ) from None
        return outcome_of(event)

    def cancel(self, reason: str = "cancelled by its submitter", timeout: float = 30.0) -> bool:
        """Cancel the task and everything under it; returns once that is committed.

        ``False`` when it had ended before. Waiting for ``result`` tells when it is over.
        """
        return cancel(self._tree, self.id, reason, timeout)

    def events(self, after: int | None = None, timeout: float | None = None) -> Iterator[Event]:
        """The events of the task's run, live, each once; ends with the run's terminal event.

        For a child task it ends with the task's own. ``after`` is a cursor: a ``seq`` that was seen.
        Raises ``DeadlineExceeded`` when nothing came for ``timeout`` seconds, and ``KernelClosed``
        when the kernel is closed before the end.
        """
        feed, start, only, last = self.reading(after)
        return follow(feed, start, only, timeout, last)

    def reading(
        self, after: int | None = None
    ) -> tuple[Feed, int, Filter, Callable[[Event], bool]]:
        """Where to read the events, from which cursor, which ones, and how to tell the last."""
        start = self._start if after is None else after
        return self._tree.feed, start, Filter(run=self.run), self._is_last

    def _is_last(self, event: Event) -> bool:
        if event.type in TERMINAL_RUN:
            return True
        return not self._root and event.type in TERMINAL_TASK and event.task == self.id

"""``TaskHandle``: one task, as the one who submitted it holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from retinue.actors.runtime import Future
from retinue.actors.turn import outcome_of
from retinue.bus.envelope import Event
from retinue.bus.errors import DeadlineExceeded
from retinue.bus.journal import Filter
from retinue.bus.messages import TERMINAL_RUN, TERMINAL_TASK

if TYPE_CHECKING:
    from .kernel import Kernel

__all__ = ["TaskHandle"]


class TaskHandle:
    """A task in a kernel. Any thread may use it; it holds nothing that has to be closed."""

    def __init__(
        self, kernel: Kernel, task: str, run: str, start: int, ended: Future[Event]
    ) -> None:
        """``start`` is a ``seq`` before the run's first event; made by ``Kernel``."""
        self.id = task
        self.run = run
        self._kernel = kernel
        self._start = start
        self._ended = ended

    def __repr__(self) -> str:
        return f"<TaskHandle {self.id} {self.state}>"

    @property
    def state(self) -> str:
        """submitted, queued, scheduled, running, succeeded, failed or cancelled."""
        if self._ended.settled:
            return self._ended.outcome().type.removeprefix("task.")
        return self._kernel.task(self.id).state

    @property
    def done(self) -> bool:
        """Whether the task has ended."""
        return self._ended.settled

    def result(self, timeout: float | None = None) -> Any:
        """What the agent returned, waiting for it at most ``timeout`` seconds.

        Raises ``TaskFailed``, ``TaskCancelled``, ``DeadlineExceeded`` (the task then goes on), and
        ``KernelClosed`` when the kernel was closed first.
        """
        try:
            event = self._ended.get(timeout=timeout)
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
        return self._kernel.cancel(self.id, reason, timeout=timeout)

    def events(self, after: int | None = None, timeout: float | None = None) -> Iterator[Event]:
        """The events of the task's run, live, each once; ends with the run's terminal event.

        For a child task it ends with the task's own. ``after`` is a cursor: a ``seq`` that was seen.
        Raises ``DeadlineExceeded`` when nothing came for ``timeout`` seconds, and ``KernelClosed``
        when the kernel is closed before the end.
        """
        last = TERMINAL_RUN if self._is_root() else TERMINAL_TASK
        start = self._start if after is None else after
        only = Filter(run=self.run)
        return self._kernel.follow(start, only, timeout, self._ends(last))

    def _ends(self, last: frozenset[str]) -> Callable[[Event], bool]:
        if last is TERMINAL_RUN:
            return lambda event: event.type in last
        return lambda event: event.type in last and event.task == self.id

    def _is_root(self) -> bool:
        return not self._kernel.task(self.id).parent

"""What a turn is wherever it runs in this process: what it was told, and how it may be struck."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Lock

from retinue.plugins.host.failures import one_line

from .executor import Outcome, Turn
from .outcomes import failure
from .strike import Strike, absorb

__all__ = ["BaseTurn", "told"]


class BaseTurn:
    """The part that both kinds share; the rule of who writes what is at each method."""

    __slots__ = ("_ending", "_lock", "_stop", "_turn", "agent", "struck", "task_id")

    def __init__(self, turn: Turn) -> None:
        self.agent: str = turn.port.agent
        self.task_id: str = turn.port.task
        self.struck = False
        self._turn = turn
        self._stop: Outcome | None = None
        self._ending = False
        self._lock: Lock | None = None

    def _told(self) -> Outcome | None:
        return self._stop

    def _hit(self, fire: Callable[[], object]) -> None:
        """Call ``fire``, which raises ``Strike`` into the turn, unless that is over. Any other thread."""
        self._lock = lock = self._lock or Lock()
        with lock:
            self.struck = True
            # The turn sets _ending and then reads struck; here it is the other way round.
            # So either this sees the end, or the end waits for the lock and takes it back.
            if not self._ending:
                fire()

    def _absorb(self, thread: int) -> None:
        """Wait for a strike under way, and take it back. The turn's own thread, at its end."""
        with suppress(Strike):
            lock = self._lock or Lock()
            with lock:
                absorb(thread)

    def _verdict(self, error: BaseException) -> Outcome:
        """What ``error`` comes to, given what the turn was told."""
        if self._stop is not None:
            stop = self._stop
            trace = failure(error).traceback
            return Outcome(kind=stop.kind, cause=stop.cause, retry=stop.retry, traceback=trace)
        if isinstance(error, Strike):  # it was meant for a neighbour
            return Outcome(kind="AgentLoopLost", cause="struck in a neighbour's place; retry")
        return failure(error)


def told(reason: str, kind: str) -> Outcome:
    """The outcome of a turn that was told to stop."""
    return Outcome(kind=kind, cause=one_line(reason), retry=kind != "Cancelled")

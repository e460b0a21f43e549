"""One turn on an agent's own thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent import futures
from contextlib import suppress
from threading import get_ident
from typing import Any, Protocol

from retinue.bus.clock import Clock
from retinue.bus.codec import encode_value
from retinue.plugins.context import Context, SyncContext

from .base_turn import BaseTurn, told
from .bridge import BridgedPort, Run
from .executor import Outcome, Turn
from .service import Service, Timer
from .strike import Strike, absorb, doing, strike
from .worker import Worker

__all__ = ["Office", "ThreadTurn"]


class Office(Protocol):
    """What a turn needs of its executor."""

    live: dict[ThreadTurn, Callable[[Outcome], None]]
    service: Service
    run: Run
    clock: Clock
    grace: float
    strike_after: float

    def instance(self, turn: Turn) -> Any:
        """The agent's instance: a new one once it was left behind in a thread."""

    def leave_behind(self, turn: Turn, worker: Worker) -> None:
        """Go on without the worker's thread, which does not come out of ``turn``."""


class ThreadTurn(BaseTurn):
    """A ``Running``. ``perform`` is called on the worker's thread, the rest on any other."""

    __slots__ = ("_loop", "_office", "_root", "_thread", "_timer", "_waits", "_worker")

    def __init__(self, turn: Turn, office: Office) -> None:
        super().__init__(turn)
        self._office = office
        self._thread: int | None = None
        self._worker: Worker | None = None
        self._timer: Timer | None = None
        self._waits: set[futures.Future[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._root: asyncio.Task[Any] | None = None

    def cancel(self, reason: str, kind: str = "Cancelled") -> None:
        """As ``Running.cancel``: what it waits for is cancelled, then it is struck, then left."""
        if self._stop is not None or self not in self._office.live:
            return
        self._stop = told(reason, kind)
        if self._thread is None:  # perform() looks at _stop once it has set _thread
            self.settle(self._stop)
            return
        self._interrupt()
        self._office.service.after(self._office.grace, self._strike)

    def what(self) -> str:
        """As ``Running.what``."""
        at = "queued" if self._thread is None else f"in {doing(self._thread)}"
        return f"agent '{self.agent}', task {self.task_id}: {at}"

    @property
    def waits_for_the_kernel(self) -> bool:
        """Whether it is in a call of its context, which the kernel answers."""
        return any(not future.done() for future in list(self._waits))

    @property
    def own_loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop of an async agent that asked for a thread, while it runs."""
        return self._loop

    def settle(self, outcome: Outcome) -> None:
        """End it with ``outcome``, unless it has ended."""
        done = self._office.live.pop(self, None)
        if done is not None:
            done(outcome)

    def perform(self, worker: Worker) -> None:
        """Run it, here and now, and report its outcome."""
        self._worker = worker
        self._thread = get_ident()
        if self._stop is not None:
            self.settle(self._stop)
            return
        if self._turn.timeout is not None:
            self._timer = self._office.service.after(self._turn.timeout, self._expire)
        try:
            try:
                value = self._work(worker)
                outcome = self._told() or Outcome(encode_value(value, "the agent's result"))
            except BaseException as error:  # noqa: BLE001 - SystemExit too ends here
                outcome = self._verdict(error)
            self._ending = True
            if self.struck:
                self._absorb(self._thread)
        except Strike as late:  # it came between the agent's last step and here
            self._ending = True
            outcome = self._verdict(late)
        if self._timer is not None:
            self._timer.cancel()
        self.settle(outcome)

    def wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Block until ``coroutine`` is done on the agents' loop, or the turn was told to stop."""
        if self._stop is not None:
            coroutine.close()
            raise asyncio.CancelledError(self._stop.cause)
        future = self._office.run(coroutine, self.agent)
        self._waits.add(future)
        if self._told() is not None:  # in between: cancel() may not have seen this one
            future.cancel()
        try:
            return future.result()
        except futures.CancelledError:
            raise asyncio.CancelledError("the turn was told to stop") from None
        finally:
            self._waits.discard(future)

    def _work(self, worker: Worker) -> Any:
        turn = self._turn
        params = turn.spec.check(turn.input)
        runner = self._office.instance(turn)
        if not turn.spec.is_async:
            return runner.run(SyncContext(turn.port, self.wait, self._office.clock), params)
        context = Context(BridgedPort(turn.port, self._office.run), self._office.clock)
        return worker.own_loop().run_until_complete(self._rooted(runner.run(context, params)))

    async def _rooted(self, awaitable: Any) -> Any:
        self._loop = loop = asyncio.get_running_loop()
        self._root = root = asyncio.current_task()
        if self._stop is not None:
            raise asyncio.CancelledError(self._stop.cause)
        try:
            return await awaitable
        finally:
            for task in asyncio.all_tasks(loop):
                if task is not root:
                    task.cancel()

    def _interrupt(self) -> None:
        for future in list(self._waits):
            future.cancel()
        if self._loop is not None and self._root is not None:
            self._call(self._root.cancel)

    def _call(self, callback: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # its loop has ended
            if self._loop is not None:
                self._loop.call_soon_threadsafe(callback)

    def _expire(self) -> None:
        self.cancel(
            f"the attempt took longer than its {self._turn.timeout:g} s; "
            "give the agent a longer attempt_timeout",
            "DeadlineExceeded",
        )

    def _strike(self) -> None:
        if self in self._office.live and self._thread is not None:
            thread = self._thread
            self._hit(lambda: strike(thread))
            self._call(_nothing)  # its own loop may sleep: it is struck as it wakes
            self._office.service.after(self._office.strike_after, self._leave)

    def _leave(self) -> None:
        if self in self._office.live and self._worker is not None and self._stop is not None:
            self._office.leave_behind(self._turn, self._worker)
            if self._thread is not None:
                absorb(self._thread)
            self.settle(self._stop)


def _nothing() -> None:
    return None

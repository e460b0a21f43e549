"""The reply to come: awaitable in a light actor and in any asyncio loop, or waited for."""

from __future__ import annotations

import functools
import logging
import sys
from _thread import TIMEOUT_MAX, allocate_lock
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, TypeVar

import pykka

from .context import Party, here
from .errors import LateReply, for_asker
from .loops import arrive_in_loop, running_loop
from .waits import refuse_circle, refuse_on_dispatcher

__all__ = ["DEFAULT_TIMEOUT", "ERROR", "VALUE", "Derived", "Future"]

T = TypeVar("T")
R = TypeVar("R")
ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]

DEFAULT_TIMEOUT = 30.0
PENDING, VALUE, ERROR = 0, 1, 2
logger = logging.getLogger("retinue.actors.runtime")


class Future(pykka.Future[T]):
    """A value or an error that arrives once, by a deadline.

    ``await`` it in a light actor's ``async`` handler or in a coroutine of a running asyncio loop;
    call ``get()`` on any other thread. Past its deadline both raise ``DeadlineExceeded``, naming
    the actor and the message; a reply that comes later is thrown away.
    """

    __slots__ = (
        "_callbacks", "_claim", "_state", "_timeout", "_value", "_waiter",
        "deadline", "message", "recipient",
    )  # fmt: skip
    _get_hook = None

    def __init__(
        self, recipient: Party | None = None, message: Any = None, timeout: float | None = None
    ) -> None:
        """Without a recipient there is no deadline: such a future is for the runtime's own use."""
        self.recipient = recipient
        self.message = message
        self._timeout = timeout
        self.deadline = (
            None if recipient is None or timeout is None
            else recipient.system.monotonic() + timeout
        )  # fmt: skip
        self._state = PENDING
        self._value: Any = None
        self._waiter: Party | None = None
        self._callbacks: list[Callable[[], None]] | None = None
        self._claim = allocate_lock()

    def __repr__(self) -> str:
        state = ("pending", "done", "failed")[self._state]
        return f"<Future {self._asked()}: {state}>"

    @property
    def settled(self) -> bool:
        """True once there is a value or an error; has no effect of its own."""
        return self._state != PENDING

    @property
    def done(self) -> bool:
        """True once there is a value or an error; looks at the deadline, any thread."""
        if self._state:
            return True
        if self._remaining() <= 0.0:
            self.expire()
        return self.settled

    def get(self, *, timeout: float | None = None) -> T:
        """Wait for the value, at most ``timeout`` seconds and never past the deadline.

        Raises the error that arrived instead of a value, ``DeadlineExceeded``,
        ``BlockingCallInActor`` on a dispatcher's thread, ``DeadlockDetected`` when the actor
        asked waits, directly or not, for the one that calls.
        """
        if self._state == PENDING:
            self._block(timeout)
        return self.outcome()

    def outcome(self) -> T:
        """The value, or raise the error; only for a future that is done."""
        if self._state == ERROR:
            raise self._value
        value: T = self._value
        return value

    def set(self, value: T | None = None) -> None:
        """Give the value. Raises ``RuntimeError`` when there is one already."""
        if not self.settle(VALUE, value):
            raise RuntimeError(f"{self!r} has its outcome already")

    def set_exception(self, exc_info: ExcInfo | BaseException | None = None) -> None:
        """Give an error: pykka's triple, an exception, or the one now being handled."""
        error = exc_info[1] if isinstance(exc_info, tuple) else exc_info or sys.exc_info()[1]
        if error is None:
            raise RuntimeError("set_exception() was called without an exception")
        if not self.settle(ERROR, for_asker(error, self._asked())):
            raise RuntimeError(f"{self!r} has its outcome already")

    def settle(self, state: int, value: Any) -> bool:
        """Give the outcome unless there is one; the first of several threads wins."""
        if not self._claim.acquire(False):
            return False
        self._value = value
        self._state = state
        waiter = self._waiter
        if waiter is not None:
            waiter.wake()
        if self._callbacks is not None:
            self._call_back()
        return True

    def fail(self, error: BaseException) -> bool:
        """Give ``error`` unless there is an outcome."""
        return self.settle(ERROR, error)

    def expire(self) -> None:
        """Give ``DeadlineExceeded`` unless there is an outcome."""
        self.settle(ERROR, LateReply(f"{self._asked()} did not answer within {self._timeout:g} s"))

    def on_done(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once there is an outcome: now, or on the thread that gives it.

        The deadline is watched from here on, so that the callback is certain to come.
        """
        if self._callbacks is None:
            self._callbacks = []
        self._callbacks.append(callback)
        self.watch_deadline()
        if self._state:
            self._call_back()

    def watch_deadline(self) -> None:
        """Have the system's timers expire this future; a waiter that blocks does so itself."""
        if self.deadline is not None and self.recipient is not None and not self._state:
            self.recipient.system.timers.add(self.deadline, self)

    def __await__(self) -> Generator[Any, None, T]:
        if self._state == PENDING:
            runner = here.runner
            # A dispatcher's thread never runs a loop; the thread of a thread actor may.
            loop = running_loop() if runner is None or runner.blocking else None
            if loop is not None:
                yield from self._await_in_loop(loop)
            elif runner is not None:
                yield from self._await_in_actor(runner.current)
            else:
                raise RuntimeError(f"{self!r} is awaited outside an actor and an asyncio loop")
        return self.outcome()

    __iter__ = __await__

    def map(self, func: Callable[[T], R]) -> Future[R]:
        """The future of ``func(value)``; ``func`` runs where the result is taken."""
        return Derived((self,), lambda values: func(values[0]))

    def filter(self, func: Callable[[Any], bool]) -> Future[Any]:
        """The future of the items for which ``func`` is true."""
        return Derived((self,), lambda values: [item for item in values[0] if func(item)])

    def join(self, *futures: pykka.Future[Any]) -> Future[Any]:
        """The future of a list: this value, then the others', in the order given."""
        return Derived((self, *futures), list)

    def reduce(self, func: Callable[..., R], *args: R) -> Future[R]:
        """The future of ``functools.reduce(func, value, *args)``."""
        return Derived((self,), lambda values: functools.reduce(func, values[0], *args))

    def set_get_hook(self, func: Any) -> None:
        """Refused: a hook blocks, and could not be awaited. ``map`` does what hooks were for."""
        raise TypeError("a Retinue future takes no get hook; use map()")

    def _await_in_actor(self, asker: Party) -> Generator[Any, None, None]:
        asker.waiting = self
        try:
            refuse_circle(asker, self.recipient)
            if self._waiter is None:
                self._waiter = asker
            else:
                self._open(asker.wake)
            if self.deadline is not None:
                asker.expect_by(self.deadline)
            while not self._state:
                yield self
        finally:
            asker.waiting = None

    def _await_in_loop(self, loop: Any) -> Generator[Any, None, None]:
        arrived = loop.create_future()
        self.on_done(lambda: arrive_in_loop(loop, arrived))
        yield from arrived

    def _block(self, timeout: float | None) -> None:
        asker = refuse_on_dispatcher(f"waiting for {self._asked()}", self.recipient, self.message)
        if asker is None:
            self._wait(timeout)
            return
        asker.waiting = self
        try:
            refuse_circle(asker, self.recipient)
            self._wait(timeout)
        finally:
            asker.waiting = None

    def _wait(self, timeout: float | None) -> None:
        gate = allocate_lock()
        gate.acquire()
        remaining = self._remaining()
        self._open(gate.release)
        limit = remaining if timeout is None else min(remaining, timeout)
        if gate.acquire(timeout=min(max(0.0, limit), TIMEOUT_MAX)) or self._state:
            return
        if limit < remaining:
            raise LateReply(f"{self._asked()} did not answer within {limit:g} s")
        self.expire()

    def _open(self, release: Callable[[], None]) -> None:
        if self._callbacks is None:
            self._callbacks = []
        self._callbacks.append(release)
        if self.recipient is not None and self.recipient.system.moved_by_hand:
            self.watch_deadline()
        if self._state:
            self._call_back()

    def _remaining(self) -> float:
        if self.deadline is None or self.recipient is None:
            return float("inf")
        left: float = self.deadline - self.recipient.system.monotonic()
        return max(0.0, left)

    def _call_back(self) -> None:
        # list.pop is atomic: of the thread that settles and the one that adds, one gets each.
        while self._callbacks:
            try:
                callback = self._callbacks.pop(0)
            except IndexError:
                return
            try:
                callback()
            except Exception:
                logger.exception("a callback of %r failed", self)

    def _asked(self) -> str:
        if self.recipient is None:
            return "the runtime"
        message = self.message
        asked = message.__name__ if isinstance(message, type) else type(message).__name__
        return f"{self.recipient.name} asked {asked}"


class Derived(Future[T]):
    """What becomes of other futures; computed once, where it is first taken."""

    __slots__ = ("_compute", "_sources")

    def __init__(
        self, sources: tuple[Any, ...] = (), compute: Callable[[list[Any]], T] | None = None
    ) -> None:
        """``compute`` gets the sources' values in order."""
        super().__init__()
        self._sources = sources
        self._compute = compute

    @property
    def done(self) -> bool:
        """True once every source is."""
        return all(source.done for source in self._sources)

    def get(self, *, timeout: float | None = None) -> T:
        """Wait for every source, each at most ``timeout`` seconds, and compute."""
        if not self.settled:
            self._finish([source.get(timeout=timeout) for source in self._sources])
        return self.outcome()

    def __await__(self) -> Generator[Any, None, T]:
        if not self.settled:
            values = []
            for source in self._sources:
                value = yield from source.__await__()
                values.append(value)
            self._finish(values)
        return self.outcome()

    def _finish(self, values: list[Any]) -> None:
        if self._compute is None:
            raise TypeError("a derived future has no function to compute with")
        self.settle(VALUE, self._compute(values))

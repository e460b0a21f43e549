"""The reference to an actor: the only thing that others hold of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar, overload

import pykka

from .cell import Cell
from .entries import Kill, Order, Pause, Request, Stop
from .future import DEFAULT_TIMEOUT, VALUE, Future
from .monitor import Monitor
from .statistics import ActorStatistics
from .verdicts import Down, Verdict
from .waits import refuse_circle, refuse_on_dispatcher

__all__ = ["ActorRef"]

A = TypeVar("A")
SHUTDOWN = 30.0


class ActorRef(pykka.ActorRef[Any], Generic[A]):
    """Speaks to one actor, from any thread. Stays the same when the actor is restarted."""

    __slots__ = ("cell",)

    def __init__(self, cell: Cell) -> None:
        """Made by ``System.start``; there is no need to make one yourself."""
        self.cell = cell

    def __repr__(self) -> str:
        return f"<ActorRef {self.name} {self.cell.doing()}, {self.cell.count()} queued>"

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The actor's name, unique among the living of its system."""
        return self.cell.name

    @property
    def system(self) -> Any:
        """The system that the actor lives in."""
        return self.cell.system

    @property
    def supervised(self) -> bool:
        """True for an actor that another one supervises."""
        return isinstance(self.cell.supervision, ActorRef)

    @property
    def actor_class(self) -> type[A]:  # type: ignore[override]
        """The class of the actor."""
        return self.cell.recipe[0]

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """System and name, in pykka's form."""
        return f"urn:retinue:{self.cell.system.name}:{self.name}"

    @property
    def actor_inbox(self) -> Any:  # type: ignore[override]
        """The mailbox; not for use: ``tell`` and ``ask`` put messages in."""
        return self.cell

    @property
    def actor_stopped(self) -> Any:  # type: ignore[override]
        """pykka's stop event, as far as ``is_set`` goes."""
        return _Stopped(self.cell)

    @property
    def _actor_weakref(self) -> Callable[[], Any]:  # type: ignore[override]
        return lambda: self.cell.actor

    def is_alive(self) -> bool:
        """True until the actor has stopped; true while it restarts."""
        return not self.cell.closed

    def tell(self, message: Any, *, control: bool = False) -> None:
        """Send ``message`` and go on. ``control`` overtakes what waits, not what runs.

        Raises ``ActorDead`` (also a ``pykka.ActorDeadError``) when the actor has stopped; the
        message is then a dead letter as well. Raises ``MailboxFull`` as its ``Mailbox`` says.
        Does not raise for a message that is accepted and then lost to a stop: that one is only a
        dead letter.
        """
        cell = self.cell
        queue = cell.queue
        if control or len(queue) >= cell.room:
            self._tell_carefully(message, control=control)
            return
        cell.sent += 1
        queue.append(message)
        if not cell.scheduled:
            cell.scheduled = True
            cell.ready(cell)

    @overload
    def ask(
        self, message: Any, *, block: Literal[False],
        timeout: float | None = ..., control: bool = ...,
    ) -> Future[Any]: ...  # fmt: skip

    @overload
    def ask(
        self, message: Any, *, block: Literal[True] = ...,
        timeout: float | None = ..., control: bool = ...,
    ) -> Any: ...  # fmt: skip

    @overload
    def ask(
        self, message: Any, *, block: bool = ...,
        timeout: float | None = ..., control: bool = ...,
    ) -> Any: ...  # fmt: skip

    def ask(
        self,
        message: Any,
        *,
        block: bool = True,
        timeout: float | None = DEFAULT_TIMEOUT,
        control: bool = False,
    ) -> Any:
        """Send ``message`` and wait for the reply, or with ``block=False`` get its future.

        The reply comes within ``timeout`` seconds (None means 30) or ``DeadlineExceeded`` does.
        Otherwise raises, here or from the future, what the handler raised, ``ActorDead``,
        ``MailboxFull``, ``DeadlockDetected`` or, on a dispatcher's thread and before anything is
        sent, ``BlockingCallInActor``.
        """
        cell = self.cell
        asker = refuse_on_dispatcher("ask", cell, message) if block else None
        future: Future[Any] = Future(cell, message, DEFAULT_TIMEOUT if timeout is None else timeout)
        if asker is not None:
            _refuse_circle_before(asker, future)
        self._put(Request(message, future), control=control)
        return future.get() if block else future

    @overload
    def stop(
        self, *, block: Literal[True] = ..., timeout: float | None = ..., now: bool = ...
    ) -> bool: ...

    @overload
    def stop(
        self, *, block: Literal[False], timeout: float | None = ..., now: bool = ...
    ) -> Future[bool]: ...

    @overload
    def stop(self, *, block: bool = ..., timeout: float | None = ..., now: bool = ...) -> Any: ...

    def stop(
        self, *, block: bool = True, timeout: float | None = SHUTDOWN, now: bool = False
    ) -> Any:
        """Have the actor stop once it has handled what was sent before.

        With ``now`` the stop overtakes what waits. What is left becomes dead letters. Gives True,
        or False when the actor had stopped already; with ``block=False`` the future of that.
        """
        if block:
            refuse_on_dispatcher("stop", self.cell, Stop)
        future = self._order(Stop, timeout, control=now)
        return future.get() if block else future

    def kill(self, timeout: float = SHUTDOWN) -> Future[bool]:
        """End the actor now, in the middle of a suspended handler too; no hook is called.

        A handler that is running on a thread cannot be broken off: it ends first.
        """
        future = self._order(Kill, timeout, control=True)
        if not future.settled:
            self.cell.killed = True
            self.cell.wake()
        return future

    def pause(self, timeout: float = SHUTDOWN) -> Future[bool]:
        """For supervisors: end the present instance and wait, mailbox and all, for ``resume``."""
        future = self._order(Pause, timeout, control=True)
        if self.awaits_verdict():
            future.settle(VALUE, True)
        return future

    def awaits_verdict(self) -> bool:
        """For supervisors: True while it is paused or failed, and ``resume`` would be heard."""
        verdict = self.cell.verdict
        return verdict is not None and not verdict.settled

    def resume(self, delay: float | None) -> Future[bool] | None:
        """For supervisors: a new instance after ``delay`` seconds, or with None the end.

        The future says whether the actor runs again. None when it does not wait for a verdict.
        """
        waiting, verdict = self.cell.verdict, Verdict(delay)
        given = waiting is not None and waiting.settle(VALUE, verdict)
        return verdict.tried if given else None

    def monitor(self, watcher: Callable[[Down], object] | ActorRef[Any]) -> Monitor:
        """Have ``watcher`` get one ``Down`` when the actor ends, or now when it has.

        An actor's ref is told it, in the control lane. A function is called on the actor's
        thread and must not block.
        """
        call = _teller(watcher) if isinstance(watcher, ActorRef) else watcher
        self.cell.watch(call)
        return Monitor(self.cell, call)

    def statistics(self) -> ActorStatistics:
        """The actor's frozen record of this moment."""
        return self.cell.statistics()

    def _tell_carefully(self, message: Any, *, control: bool) -> None:
        if not self._admit(message, control=control):
            raise self.cell.dead()

    def _put(self, request: Request, *, control: bool) -> None:
        cell = self.cell
        queue = cell.queue
        if control or len(queue) >= cell.room:
            # A dead actor's request is answered with ActorDead by give_up.
            self._admit(request, control=control)
            return
        cell.sent += 1
        queue.append(request)
        if not cell.scheduled:
            cell.scheduled = True
            cell.ready(cell)

    def _admit(self, entry: Any, *, control: bool) -> bool:
        cell = self.cell
        displaced = cell.admit(entry, control=control, name=cell.name)
        if displaced is None:
            cell.sent += 1
            cell.give_up(entry, cell.reason())
            return False
        for old in displaced:
            cell.displace(old)
        if not cell.scheduled:
            cell.scheduled = True
            cell.ready(cell)
        return True

    def _order(self, kind: type[Order], timeout: float | None, *, control: bool) -> Future[bool]:
        cell = self.cell
        future: Future[bool] = Future(cell, kind, DEFAULT_TIMEOUT if timeout is None else timeout)
        if cell.closed or not self._admit_order(kind(future), control=control):
            future.settle(VALUE, False)
        return future

    def _admit_order(self, order: Order, *, control: bool) -> bool:
        cell = self.cell
        if cell.admit(order, control=control, name=cell.name) is None:
            return False
        if not cell.scheduled:
            cell.scheduled = True
            cell.ready(cell)
        return True


class _Stopped:
    __slots__ = ("_cell",)

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    def is_set(self) -> bool:
        return self._cell.closed


def _teller(ref: ActorRef[Any]) -> Callable[[Down], object]:
    def tell(down: Down) -> None:
        if ref.is_alive():
            ref.tell(down, control=True)

    return tell


def _refuse_circle_before(asker: Any, future: Future[Any]) -> None:
    asker.waiting = future
    try:
        refuse_circle(asker, future.recipient)
    finally:
        asker.waiting = None

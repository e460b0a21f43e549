"""How an actor comes to life: its cell, its thread, its place in the directory, its first hook."""

from __future__ import annotations

from typing import Any

from retinue.bus.errors import BlockingCallInActor, DeadlineExceeded

from ..supervision import Supervision
from .cell import Cell
from .context import here
from .directory import Directory
from .entries import Start
from .errors import LateReply
from .future import VALUE, Future
from .mailbox import Mailbox
from .ref import ActorRef
from .threads import Threads
from .verdicts import Recipe, start_failed

__all__ = ["Launcher"]


class Launcher:
    """Starts the actors of one system. Any thread."""

    def __init__(
        self,
        system: Any,
        directory: Directory,
        threads: Threads,
        *,
        mailbox: Mailbox,
        supervision: Supervision,
        timeout: float,
    ) -> None:
        """``mailbox`` and ``supervision`` are for actors that name none; ``timeout`` in seconds."""
        self._system = system
        self._directory = directory
        self._threads = threads
        self._mailbox = mailbox
        self._supervision = supervision
        self._timeout = timeout

    def start(self, recipe: Recipe, *options: Any, **named: Any) -> ActorRef[Any]:
        """The ref, once ``on_start`` has ended. Raises ``StartFailed``."""
        ref, started = self._begin(recipe, *options, **named)
        if started is not None:
            self._await(ref, started)
        return ref

    def start_soon(self, recipe: Recipe, *options: Any, **named: Any) -> Future[Any]:
        """The future of the ref."""
        ref, started = self._begin(recipe, *options, **named)
        if started is None:
            started = Future()
            started.settle(VALUE, ref)
        else:
            started.on_done(lambda: _kill_late(ref, started))
        return started

    def _begin(
        self,
        recipe: Recipe,
        name: str | None = None,
        mailbox: Mailbox | None = None,
        dispatcher: str | None = None,
        supervision: Any = None,
    ) -> tuple[ActorRef[Any], Future[Any] | None]:
        cls = recipe[0]
        own = cls.owns_thread
        runner = (
            self._threads.own(name or cls.__name__) if own else self._threads.shared(dispatcher)
        )
        cell = Cell(self._system, runner, recipe, mailbox or self._mailbox)
        cell.serial = self._directory.serial()
        cell.given_name = name
        cell.supervision = supervision or self._supervision
        cell.ref = ActorRef(cell)
        self._directory.enter(cell)
        self._build(cell)
        runner.join_in()
        started = self._order_start(cell) if cls.has_on_start else None
        cell.rest()
        return cell.ref, started

    def _build(self, cell: Cell) -> None:
        try:
            cell.build()
        except BaseException as error:
            self._directory.leave(cell)
            cell.never_lived(error)
            if isinstance(error, Exception):
                raise start_failed(cell.name, error) from error
            raise

    def _order_start(self, cell: Cell) -> Future[Any]:
        started: Future[Any] = Future(cell, Start, self._timeout)
        cell.admit(Start(started), control=True, name=cell.name)
        return started

    def _await(self, ref: ActorRef[Any], started: Future[Any]) -> None:
        runner = here.runner
        if runner is not None and not runner.blocking:
            self._run_here(ref, started)
            return
        try:
            started.get()
        except DeadlineExceeded as error:
            ref.kill()
            raise start_failed(ref.name, error) from error

    def _run_here(self, ref: ActorRef[Any], started: Future[Any]) -> None:
        """Start it in the middle of the turn of the one who starts it: they share the thread."""
        runner = here.runner
        if runner is ref.cell.runner and runner is not None:
            current = runner.current
            ref.cell.turn()
            runner.current = current
        if not started.settled:
            ref.kill()
            raise BlockingCallInActor(
                f"{ref.name} cannot be started here without blocking the dispatcher: "
                "its on_start waits or runs on another thread; use `await system.start_soon(…)`"
            )
        started.outcome()


def _kill_late(ref: ActorRef[Any], started: Future[Any]) -> None:
    try:
        started.outcome()
    except LateReply:
        ref.kill()
    except Exception:  # noqa: BLE001 - whoever awaits the future gets it
        return

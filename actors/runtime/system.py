"""A system: the actors of one kernel, their names, threads, timers and dead letters."""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Self, TypeVar

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import DeadlineExceeded

from ..supervision import Supervision
from .cell import Cell
from .directory import Directory
from .errors import shown
from .future import Future
from .launching import Launcher
from .letters import DeadLetter, DeadLetters
from .mailbox import NOTHING, Mailbox
from .ref import ActorRef
from .schedule import Sleep, Timer
from .statistics import SystemStatistics
from .threads import Threads
from .timers import Timers
from .verdicts import Recipe
from .waits import refuse_on_dispatcher

__all__ = ["System", "default_system"]

A = TypeVar("A")
OnFailure = Callable[[ActorRef[Any], BaseException, Any], None]
logger = logging.getLogger("retinue.actors.runtime")


class System:
    """Actors that know each other. Two systems in one process never see one another.

    ``on_dead_letter(letter)`` and ``on_failure(ref, error, message)`` are called on the thread
    where it happened and must not block; without ``on_failure``, failures go to the standard
    logger ``retinue.actors.runtime``. A context manager: leaving it closes the system.
    """

    def __init__(
        self,
        name: str = "main",
        *,
        clock: Clock | None = None,
        on_dead_letter: Callable[[DeadLetter], None] | None = None,
        on_failure: OnFailure | None = None,
        default_mailbox: Mailbox | None = None,
        default_supervision: Supervision | None = None,
        keep_dead_letters: int = 1000,
        start_timeout: float = 30.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Nothing is started here; ``chance`` gives numbers in [0, 1) for jitter."""
        self.name = name
        self.clock = clock or SystemClock()
        self.monotonic = self.clock.monotonic
        self.moved_by_hand = not isinstance(self.clock, SystemClock)
        self.chance = chance
        self.timers = Timers(self._nudge)
        self._on_failure = on_failure
        self._failures = 0
        self._lock = threading.Lock()
        self._letters = DeadLetters(keep_dead_letters, on_dead_letter)
        self._directory = Directory(name)
        self._threads = Threads(name, self.monotonic, self.timers, self._runtime_failed)
        self._launcher = Launcher(
            self,
            self._directory,
            self._threads,
            mailbox=default_mailbox or Mailbox(),
            supervision=default_supervision or Supervision(),
            timeout=start_timeout,
        )
        self._unsubscribe = self.clock.subscribe(self._nudge)

    def __repr__(self) -> str:
        state = "closed, " if self._directory.closed else ""
        return f"<System {self.name} {state}{len(self._directory)} actors>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(
        self,
        cls: type[A],
        *args: Any,
        name: str | None = None,
        mailbox: Mailbox | None = None,
        dispatcher: str | None = None,
        supervision: Supervision | ActorRef[Any] | None = None,
        **kwargs: Any,
    ) -> ActorRef[A]:
        """Start an actor and return its ref once ``on_start`` has ended.

        ``dispatcher`` names the thread of a light actor ("main" unless given; made when first
        named). ``supervision`` is a policy of restarts in place, or the ref of a supervisor,
        which is then told ``ChildFailed``. Raises ``StartFailed``, ``InvalidInput`` for a name
        that is taken, ``BlockingCallInActor`` when it would have to wait on a dispatcher's
        thread: there, ``await start_soon(…)``.
        """
        options = (name, mailbox, dispatcher, supervision)
        return self._launcher.start((cls, args, kwargs), *options)

    def start_soon(
        self,
        cls: type[A],
        *args: Any,
        name: str | None = None,
        mailbox: Mailbox | None = None,
        dispatcher: str | None = None,
        supervision: Supervision | ActorRef[Any] | None = None,
        **kwargs: Any,
    ) -> Future[ActorRef[A]]:
        """``start`` as a future, for code that must not wait; what is wrong at once raises."""
        options = (name, mailbox, dispatcher, supervision)
        return self._launcher.start_soon((cls, args, kwargs), *options)

    def start_plainly(
        self, cls: type[A], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> ActorRef[A]:
        """``start`` without options: every keyword goes to ``__init__``."""
        return self._launcher.start((cls, args, kwargs))

    def start_with(self, recipe: Recipe, **options: Any) -> Future[ActorRef[Any]]:
        """``start_soon`` with the class, its arguments and its keywords kept apart."""
        return self._launcher.start_soon(recipe, **options)

    def find(self, name: str) -> ActorRef[Any] | None:
        """The living actor of that name, or None."""
        cell = self._directory.find(name)
        return None if cell is None else cell.ref

    def refs(self) -> list[ActorRef[Any]]:
        """The living actors, in the order they were started."""
        return self._directory.refs()

    def after(
        self, delay: float, ref: ActorRef[Any], message: Any, *, control: bool = False
    ) -> Timer:
        """Tell ``message`` to ``ref`` in ``delay`` seconds, unless the timer is cancelled."""
        timer = Timer(ref, message, control=control)
        self.timers.add(self.monotonic() + delay, timer)
        return timer

    def sleep(self, delay: float) -> Future[None]:
        """A future for an actor to await: done in ``delay`` seconds, or with the last actor."""
        future: Future[None] = Future()
        self.timers.add(self.monotonic() + delay, Sleep(future))
        return future

    @property
    def dead_letters(self) -> deque[DeadLetter]:
        """The latest dead letters, oldest first; ``statistics`` counts them all."""
        return self._letters.latest

    def statistics(self) -> SystemStatistics:
        """The system's frozen record of this moment."""
        return SystemStatistics(
            name=self.name,
            actors=len(self._directory),
            started=self._directory.started,
            failures=self._failures,
            timers=len(self.timers),
            threads=self._threads.names(),
            dead_letters=self._letters.counts(),
        )

    def close(self, timeout: float = 10.0) -> None:
        """Stop every actor, newest first, and wait for the threads to end.

        Supervised actors are left to their supervisors. Each handles what was sent before. Those
        that have not stopped when ``timeout`` seconds are over are killed. Raises
        ``DeadlineExceeded`` naming those that do not end even so: a blocking call cannot be
        broken off.
        """
        refuse_on_dispatcher("closing the system", None, self)
        self._directory.close()
        deadline = monotonic() + timeout
        roots = [ref for ref in reversed(self.refs()) if not ref.supervised]
        _wait([(ref, ref.stop(block=False)) for ref in roots], deadline)
        late = _wait([(ref, ref.stop(block=False)) for ref in self.refs()], deadline)
        grace = max(deadline, monotonic() + 1.0)
        stuck = _wait([(ref, ref.kill()) for ref in late], grace)
        running = self._threads.join(grace)
        self._unsubscribe()
        if stuck or running:
            names = ", ".join([*(ref.name for ref in stuck), *running])
            raise DeadlineExceeded(f"system {self.name} did not close in {timeout:g} s: {names}")

    def report(self, ref: ActorRef[Any], error: BaseException, message: Any) -> None:
        """Tell of a failure; for the runtime."""
        with self._lock:
            self._failures += 1
        what = "a hook" if message is NOTHING else type(message).__name__
        if self._on_failure is None:
            logger.error("%s failed in %s: %s", ref.name, what, shown(error), exc_info=error)
            return
        try:
            self._on_failure(ref, error, None if message is NOTHING else message)
        except Exception:
            logger.exception("on_failure of system %s failed itself", self.name)

    def dead_letter(self, letter: DeadLetter) -> None:
        """Record a dead letter; for the runtime."""
        try:
            self._letters.add(letter)
        except Exception:
            logger.exception("on_dead_letter of system %s failed itself", self.name)

    def forget(self, cell: Cell) -> None:
        """Take an ended actor out; after the last, delayed messages are dead letters."""
        if self._directory.leave(cell) and len(self.timers):
            for task in self.timers.remove(Timer, Sleep):
                task.expire()

    def rest(self) -> None:
        """Let the timers' thread end when nothing is left that needs it."""
        if not len(self._directory):
            self._threads.main.look()

    def _nudge(self) -> None:
        self._threads.main.nudge()

    def _runtime_failed(self, error: BaseException) -> None:
        logger.critical("the runtime of system %s failed", self.name, exc_info=error)


class _Default:
    """The system of actors that are started without one.

    pykka's ``SomeActor.start()`` has no place to pass a system in, so this one object is shared by
    the process. It is made at the first such start, not at import, and owns no thread, timer or
    actor before that start nor after the last of its actors has stopped.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._system: System | None = None

    def __call__(self) -> System:
        """The system; made at the first call. Any thread."""
        with self._lock:
            if self._system is None:
                self._system = System("default")
            return self._system


default_system = _Default()


def _wait(
    pending: list[tuple[ActorRef[Any], Future[bool]]], deadline: float
) -> list[ActorRef[Any]]:
    late = []
    for ref, future in pending:
        try:
            future.get(timeout=max(0.0, deadline - monotonic()))
        except DeadlineExceeded:
            late.append(ref)
    return late

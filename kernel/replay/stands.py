"""Where the kernel's actors stand in a replay: one thread, one message at a time, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from retinue.actors.base import KernelActor
from retinue.actors.runtime import Future
from retinue.actors.runtime.entries import Request
from retinue.actors.runtime.future import VALUE

__all__ = ["Post", "Stand"]

Route = Callable[[Any, "Future[Any] | None"], None]


class Stand:
    """In the place of an ``ActorRef``: what is sent to it goes where ``route`` says."""

    def __init__(self, name: str, route: Route) -> None:
        """``route(message, reply)``; without a reply it was told, not asked."""
        self.name = name
        self._route = route

    def tell(self, message: Any, *, control: bool = False) -> None:
        """As ``ActorRef.tell``."""
        self._route(message, None)

    def ask(self, message: Any, *, block: bool = False, timeout: float | None = None) -> Any:
        """As ``ActorRef.ask`` that does not block."""
        reply: Future[Any] = Future()
        self._route(message, reply)
        return reply

    def is_alive(self) -> bool:
        """Always."""
        return True

    def stop(self, *, block: bool = True, timeout: float | None = None, now: bool = False) -> bool:
        """Stay: a replay ends all at once."""
        return True


class _Cell:
    """What an actor reads of its cell: who it is, and the message at hand."""

    def __init__(self, ref: Stand) -> None:
        self.ref = ref
        self.entry: Any = None


class Post:
    """Delivers messages to actors, each handled to its end before the next."""

    def __init__(self) -> None:
        """Nothing is on its way."""
        self._waiting: deque[tuple[KernelActor, Any, Future[Any] | None]] = deque()
        self._busy = False

    @staticmethod
    def settle(kind: type[Any], ref: Stand, *args: Any) -> Any:
        """An actor of that class, made as the runtime makes one, that answers to ``ref``."""
        actor: Any = object.__new__(kind)
        actor.actor_cell = _Cell(ref)
        actor.__init__(*args)
        return actor

    def deliver(self, actor: KernelActor, message: Any, reply: Future[Any] | None = None) -> None:
        """Have it handled: now, or after what is being handled."""
        self._waiting.append((actor, message, reply))
        if self._busy:
            return
        self._busy = True
        try:
            while self._waiting:
                _handle(*self._waiting.popleft())
        finally:
            self._busy = False


def _handle(actor: Any, message: Any, reply: Future[Any] | None) -> None:
    actor.actor_cell.entry = message if reply is None else Request(message, reply)
    answer = actor.on_receive(message)
    if reply is not None and answer is not reply:
        reply.settle(VALUE, answer)

"""Who is told of each commit: the kernel's own parts, and observers, who can do the kernel no harm."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from retinue.actors.approval_desk import Desk
from retinue.actors.completions import Completions
from retinue.actors.feed import Feed
from retinue.actors.past import Pasts
from retinue.actors.runtime import ActorRef
from retinue.actors.secrecy import Secrecy
from retinue.bus.envelope import Event
from retinue.bus.messages import SupervisorActed

if TYPE_CHECKING:
    from retinue.bus.redis.mirror import Mirror

    from .mirroring import Place

__all__ = ["Contained", "listeners"]

Listener = Callable[[Sequence[Event]], None]

_TOLD_EVERY = 60.0


class Parts(Protocol):
    """What is needed of a kernel's tree."""

    completions: Completions
    feed: Feed
    secrecy: Secrecy
    pasts: Pasts
    desk: Desk
    approver: ActorRef[Any]
    mirror: tuple[Place, Mirror | None] | None

    def say(self, body: SupervisorActed) -> None:
        """Write an event down."""


def listeners(tree: Parts) -> tuple[Listener, ...]:
    """In the order in which they are told, on the journal's thread."""

    def tell_approver(over: object) -> None:
        tree.approver.tell(over)  # looked up now: the kernel writes before its actors stand

    told: list[Listener] = [
        tree.completions.committed,
        Contained("the live readers", tree.feed.committed, tree.say),
        tree.secrecy.committed,
        tree.pasts.committed,
        lambda events: tree.desk.committed(events, tell_approver),
    ]
    if tree.mirror is not None and tree.mirror[1] is not None:
        # Its thread wakes up while the others are told.
        told.insert(1, Contained("the mirror", tree.mirror[1].offer, tree.say))
    return tuple(told)


class Contained:
    """A listener whose failure is an event, once a minute at most, and not the journal's."""

    def __init__(
        self,
        name: str,
        listener: Listener,
        say: Callable[[SupervisorActed], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``name`` is for people."""
        self._name = name
        self._listener = listener
        self._say = say
        self._monotonic = monotonic
        self._told_at: float | None = None

    def __call__(self, events: Sequence[Event]) -> None:
        """Tell the listener."""
        try:
            self._listener(events)
        except Exception as error:  # noqa: BLE001 - said above
            self._tell_of(error)

    def _tell_of(self, error: Exception) -> None:
        now = self._monotonic()
        if self._told_at is None or now >= self._told_at + _TOLD_EVERY:
            self._told_at = now
            self._say(SupervisorActed(self._name, "goes on", type(error).__name__, str(error)))

"""The BusActor: carries committed events to Redis, and never holds the kernel up."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from retinue.bus.errors import ActorDead
from retinue.bus.redis.mirror import Mirror

from .runtime import Future, ThreadActor
from .runtime.future import VALUE

__all__ = ["BusActor", "hold_back"]

_STEP = "step"
_FLUSH_SECONDS = 1.0

After = Callable[..., Any]
Sleep = Callable[[float], "Future[Any]"]


class BusActor(ThreadActor):
    """Owns the thread on which a ``Mirror`` publishes; that thread may block on Redis.

    Events do not come through its mailbox: the journal's thread calls ``mirror.offer``, and the
    actor is told to step when it rests. So a Redis that is away fills the outbox, which is
    bounded and counts, and never the mailbox.
    """

    def __init__(self, mirror: Mirror, after: After, flush: float = _FLUSH_SECONDS) -> None:
        """``after`` is the system's; ``flush`` bounds the seconds that stopping may take."""
        super().__init__()
        self._mirror = mirror
        self._after = after
        self._flush = flush
        self._timer: Any = None

    def on_start(self) -> None:
        """Begin with a step, which connects."""
        self._mirror.attach(self._wake)
        self._wake()

    def on_receive(self, message: str) -> None:
        """Publish what waits; come again at once for more, or when the mirror says."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        delay = self._mirror.step()
        if delay:
            self._timer = self._after(delay, self.actor_ref, _STEP)
        else:
            self._wake()

    def on_stop(self) -> None:
        """Publish what is left, within the bound, and disconnect."""
        if self._timer is not None:
            self._timer.cancel()
        self._mirror.close(self._flush)

    def _wake(self) -> None:
        with suppress(ActorDead):  # its restart begins with a step, and the outbox is bounded
            self.actor_ref.tell(_STEP)


def hold_back(mirror: Mirror, sleep: Sleep, limit: float) -> Callable[[int], Future[Any] | None]:
    """A function of ``seq`` that gives what to await until observers were told of it.

    It waits ``limit`` seconds at most, and gives ``None`` when there is nothing to wait for:
    they were told, Redis is away, or somebody waited in vain and nothing was published since.
    So a Redis that stops costs a run one wait, not one for each call until that is noticed.
    """
    stuck_at = -1

    def told(seq: int) -> Future[Any] | None:
        if not mirror.awaits(seq) or mirror.published == stuck_at:
            return None
        future = sleep(limit)
        future.on_done(lambda: note(seq))
        if not mirror.when_published(seq, lambda: _let_go(future)):
            _let_go(future)
        return future

    def note(seq: int) -> None:
        nonlocal stuck_at
        if mirror.published < seq:
            stuck_at = mirror.published

    return told


def _let_go(future: Future[Any]) -> None:
    future.settle(VALUE, None)

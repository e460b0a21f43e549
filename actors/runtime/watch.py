"""The deadline of what an actor waits for, with one timer for many asks."""

from __future__ import annotations

from .context import Party

__all__ = ["NEVER", "Watch"]

NEVER = float("inf")


class Watch:
    """Looks at an actor at a moment that is not later than its deadline.

    An actor waits for one reply at a time, and nearly every reply comes: a watch that finds a
    later deadline moves on to it, so that a busy actor costs one timer in 30 s, not one an ask.
    """

    __slots__ = ("_actor", "_when")

    def __init__(self, actor: Party, when: float) -> None:
        """``when`` is what the actor is watched until."""
        self._actor = actor
        self._when = when

    @property
    def settled(self) -> bool:
        """True when the actor has ended, or another watch has taken over."""
        return self._actor.closed or self._actor.watched_until != self._when

    def expire(self) -> None:
        """Expire what the actor waits for, or watch on until its deadline."""
        # Unset first: an actor that starts to wait right now either sees that, or is seen below.
        self._actor.watched_until = NEVER
        waiting = self._actor.waiting
        if waiting is None or waiting.deadline is None:
            return
        if waiting.deadline <= self._actor.system.monotonic():
            waiting.expire()
        else:
            self._actor.expect_by(waiting.deadline)

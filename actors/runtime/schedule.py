"""Delayed messages and sleeps: the tasks that actors put into the timers."""

from __future__ import annotations

import threading
from typing import Any

from retinue.bus.errors import ActorDead, MailboxFull

from .future import VALUE, Future
from .ref import ActorRef

__all__ = ["Sleep", "Timer"]


class Timer:
    """A message to be told later."""

    __slots__ = ("_claim", "_control", "_message", "_ref", "_settled")

    def __init__(self, ref: ActorRef[Any], message: Any, *, control: bool) -> None:
        """Made by ``System.after``."""
        self._ref = ref
        self._message = message
        self._control = control
        self._settled = False
        self._claim = threading.Lock()

    def __repr__(self) -> str:
        state = "settled" if self._settled else "waiting"
        return f"<Timer {type(self._message).__name__} for {self._ref.name}, {state}>"

    @property
    def recipient(self) -> str:
        """The name of the actor that the message is for."""
        return self._ref.name

    @property
    def settled(self) -> bool:
        """True once the message was told or the timer cancelled."""
        return self._settled

    def cancel(self) -> bool:
        """Call it off; False when the message was told already. Any thread."""
        if not self._claim.acquire(blocking=False):
            return False
        self._settled = True
        return True

    def expire(self) -> None:
        """Tell the message now; one that cannot be told becomes a dead letter."""
        if not self.cancel():
            return
        try:
            self._ref.tell(self._message, control=self._control)
        except ActorDead:
            return  # tell made it a dead letter
        except MailboxFull:
            self._ref.cell.lose(self._message, "mailbox full when its timer was due")


class Sleep:
    """A future that is given None at its moment."""

    __slots__ = ("_future",)

    def __init__(self, future: Future[None]) -> None:
        """Made by ``System.sleep``."""
        self._future = future

    @property
    def settled(self) -> bool:
        """True once the sleep is over."""
        return self._future.settled

    def expire(self) -> None:
        """End the sleep."""
        self._future.settle(VALUE, None)

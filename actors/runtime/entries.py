"""What stands in a mailbox beside plain messages: requests, and orders from the runtime."""

from __future__ import annotations

from typing import Any

from .future import Future

__all__ = ["Kill", "Order", "Pause", "Request", "Start", "Stop"]


class Request:
    """A message whose sender waits for a reply."""

    __slots__ = ("future", "message")

    def __init__(self, message: Any, future: Future[Any]) -> None:
        """``future`` gets the reply, or the error."""
        self.message = message
        self.future = future


class Order:
    """Something that the runtime has the actor do; never counted as a message."""

    __slots__ = ("future", "queued")

    def __init__(self, future: Future[Any]) -> None:
        """``future`` says when it is done; ``queued`` that it stands in the normal lane."""
        self.future = future
        self.queued = False


class Start(Order):
    """Run ``on_start``; the future gets the ref, or ``StartFailed``."""

    __slots__ = ()


class Stop(Order):
    """Run ``on_stop`` and end; the future gets True."""

    __slots__ = ()


class Pause(Order):
    """Run ``on_stop`` and wait for the supervisor's verdict; the future gets True."""

    __slots__ = ()


class Kill(Order):
    """End now, in the middle of a suspended handler too; the future gets True."""

    __slots__ = ()

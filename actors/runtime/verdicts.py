"""What is said about an actor's life: its recipe, its failures, its end, and what is decided."""

from __future__ import annotations

from typing import Any

import msgspec

from retinue.bus.errors import StartFailed

from .errors import shown
from .future import Future

__all__ = ["ChildFailed", "Down", "Recipe", "Verdict", "start_failed"]

Recipe = tuple[type[Any], tuple[Any, ...], dict[str, Any]]


class ChildFailed(msgspec.Struct, frozen=True):
    """Told to a supervisor: the child waits, mailbox and all, for ``ref.resume`` or ``ref.end``."""

    ref: Any
    error: BaseException


class Down(msgspec.Struct, frozen=True):
    """Told to a watcher: the actor has ended. ``error`` is None after an orderly stop."""

    ref: Any
    reason: str
    error: BaseException | None


class Verdict:
    """What supervision decides on a failed actor: restart after ``delay`` seconds, or None: end."""

    __slots__ = ("delay", "tried")

    def __init__(self, delay: float | None) -> None:
        """``tried`` gets whether the actor runs, once the restart was tried."""
        self.delay = delay
        self.tried: Future[bool] = Future()


def start_failed(name: str, error: BaseException) -> StartFailed:
    """The error for whoever starts an actor whose start raised ``error``."""
    failed = StartFailed(f"{name} did not start: {shown(error)}; nothing is left to stop")
    failed.__cause__ = error
    return failed

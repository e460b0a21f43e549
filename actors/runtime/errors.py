"""Our errors in pykka's clothes: code written for pykka catches them under the names it knows."""

from __future__ import annotations

import pykka

from retinue.bus.errors import ActorDead, DeadlineExceeded, RetinueError

__all__ = ["ActorFailed", "DeadActor", "LateReply", "for_asker", "shown"]


class ActorFailed(RetinueError):
    """The handler ended in a ``BaseException`` (``SystemExit`` and the like), kept as the cause.

    Not raised for an ordinary exception: that one reaches the asker as it is.
    """


class DeadActor(ActorDead, pykka.ActorDeadError):
    """``ActorDead`` that ``except pykka.ActorDeadError`` also catches."""


class LateReply(DeadlineExceeded, pykka.Timeout):
    """``DeadlineExceeded`` that ``except pykka.Timeout`` also catches."""


def for_asker(error: BaseException, actor: str) -> Exception:
    """What an asker gets for ``error``: never something that would end the asker's own thread."""
    if isinstance(error, Exception):
        return error
    wrapped = ActorFailed(f"{actor} raised {shown(error)} and was treated as failed")
    wrapped.__cause__ = error
    return wrapped


def shown(error: BaseException) -> str:
    """The error on one line, as ``Type: text``; an error whose text cannot be had shows its type."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide the error itself
        text = "(its text cannot be shown)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__

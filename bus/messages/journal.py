"""The journal's own bookkeeping: what it says when its oldest events go."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from .base import Event

__all__ = ["JournalTrimmed", "StateKept"]


class StateKept(Event, frozen=True, tag="kernel.state"):
    """One of the ``parts`` of a checkpoint, before the journal is cut.

    All parts together hold, of the events up to ``until``, those that still matter: folding them, and
    then what came after ``until``, gives the state. Each is a list: ``seq``, ``id``, ``type``, ``time``,
    ``body``, ``run``, ``task``, ``agent``, ``sender``, ``cause``, ``trace``, ``deadline``.
    ``counts`` are the ended tasks that went without a trace, by agent and state; ``letters`` the dead
    letters that there was no room for.
    """

    checkpoint: str
    until: int
    part: int
    parts: int
    events: Raw = Raw(b"[]")
    counts: dict[str, Any] = {}
    letters: int = 0


class JournalTrimmed(Event, frozen=True, tag="kernel.trimmed"):
    """The journal let its oldest events go, or was held back from it.

    ``first`` is the oldest event kept now, ``removed`` how many went. ``held_by`` are the live runs
    and readers that need what the bounds ask to remove, ``passed`` those that lost events they need;
    ``until`` is the last event that the checkpoint stands for, ``letters`` are dead letters given up.
    """

    first: int
    removed: int
    held_by: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    until: int = 0
    letters: int = 0

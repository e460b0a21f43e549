"""Whose journal a reader's numbers are of, and how it finds out that they begin anew. Pure."""

from __future__ import annotations

from ..topics import journal_of
from ..wire import ObservedEvent
from .cursor import renumbered
from .liveness import Heartbeat, read_heartbeat

__all__ = ["Origin", "another", "heartbeat_of"]

_BEATS = 2
"""Heartbeats after which what is said in one was looked up later than the first was heard."""


class Origin:
    """What the journal's key held when it was looked at last, and what follows from that."""

    def __init__(self, journal: str = "") -> None:
        """``journal`` is what the journal of the cursor is known by, where the caller knows that."""
        self._value = journal.encode() or None
        self._doubted: int | None = None
        self._beat: Heartbeat | None = None
        self._beats = 0

    def __repr__(self) -> str:
        return f"<Origin {self._value!r}>"

    @property
    def journal(self) -> str:
        """What the journal is known by; empty where nobody can tell."""
        return journal_of(self._value)

    def begin(self, value: bytes | None) -> None:
        """Take what the key holds at the first look, unless the caller knew."""
        self._value = self._value or value

    def differs(self, value: bytes | None) -> bool:
        """Whether the kernel was started again at least."""
        return value is not None and value != self._value

    def adopt(self, value: bytes) -> None:
        """Take it as the one whose events come from now on."""
        self._value = value
        self._doubted = None

    def anew(
        self,
        value: bytes,
        cursor: int,
        last: ObservedEvent | None,
        at: ObservedEvent | None,
        top: ObservedEvent | None,
    ) -> bool | None:
        """Whether the numbers begin anew with what the key holds now; ``None``: too early.

        A journal that was put back from a copy is known by the same name, and has another event
        ``at`` the place of the ``last``, or ends before it. See ``renumbered``.
        """
        before, now = self.journal, journal_of(value)
        if before and now and before != now:
            return True
        if before and before == now and (at is None or last is None):
            return None if top is None or top.seq < cursor else False
        return renumbered(cursor, last, at, top)

    def ends_before(self, cursor: int | None, beat: Heartbeat | None) -> bool:
        """Whether the journal surely ends before the cursor, which then is of another one.

        A cursor may be handed out just before it is published, and a heartbeat be made just before
        that; what the second one after it says was looked up later.
        """
        if cursor is None or beat is None or beat.last is None or beat.last >= cursor:
            self._doubted = None
        elif self._doubted != cursor:
            self._doubted, self._beat, self._beats = cursor, beat, 0
        elif beat != self._beat:
            self._beat, self._beats = beat, self._beats + 1
        return self._doubted is not None and self._beats >= _BEATS


def heartbeat_of(data: object, value: bytes | None) -> Heartbeat | None:
    """The heartbeat in these bytes, if it is of the start that the journal's key names.

    The last one of a kernel that was killed is there for some seconds beside the next kernel's name.
    """
    beat = read_heartbeat(data)
    if beat is None or value is None:
        return beat
    named = f"{beat.journal}/{beat.start}" if beat.start else beat.journal
    return None if named and named.encode() != value else beat


def another(before: bytes | None, now: bytes | None) -> bool:
    """Whether the key names two journals at two looks, or perhaps two where it has no names."""
    if before is None or now is None:
        return False
    names = journal_of(before), journal_of(now)
    return names[0] != names[1] if all(names) else before != now

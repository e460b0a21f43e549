"""Where a reader stands in a kernel's events, and what it missed. Pure."""

from __future__ import annotations

import msgspec

__all__ = ["Gap", "missed"]


class Gap(msgspec.Struct, frozen=True):
    """Events that did not reach the reader, ``first`` to ``last``, both included.

    The kernel's journal may still have them.
    """

    first: int
    last: int


def missed(cursor: int | None, previous: int) -> Gap | None:
    """The gap before an event whose ``previous`` is the one that was mirrored before it.

    ``cursor`` is the last ``seq`` seen; ``None`` when the reader begins with this event.
    """
    if cursor is None or previous <= cursor:
        return None
    return Gap(cursor + 1, previous)

"""What a dialect is: a projection of one event to the messages that its consumers know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from ...envelope import Event

__all__ = ["Dialect", "Projected"]


class Projected(NamedTuple):
    """One message: published on the channel ``name``, or added to the stream ``name``.

    ``payload`` is JSON text in UTF-8; a stream's entry holds it in the field ``json``.
    """

    kind: Literal["channel", "stream"]
    name: str
    payload: bytes


class Dialect(Protocol):
    """Projects a kernel's events, one after another, in order. Used by one thread at a time."""

    def project(self, event: Event) -> Sequence[Projected]:
        """The messages for an event, most often none.

        The same events in the same order give the same messages. Raises ``CodecError`` for a
        malformed body.
        """

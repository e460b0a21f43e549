"""The unit that piles keep and progressions order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import msgspec

from ..clock import Clock
from ..codec import decode, encode_value
from ..ids import Ids

__all__ = ["Element", "Ref", "id_of"]


class Element(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=True):
    """Something with an id, a creation time in seconds since the epoch, content and metadata.

    All fields are given by keyword. Subclass it, frozen, to add typed ones; the class name is
    the ``kind`` in its JSON. Two classes that share a pile therefore need different names, or a
    ``tag`` each.
    Treat ``content`` and ``metadata`` as read-only: whoever holds the element sees them.
    """

    id: str
    created: float
    content: Any = None
    metadata: dict[str, Any] = {}

    @classmethod
    def create(
        cls,
        content: object = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        ids: Ids,
        clock: Clock,
        **fields: Any,
    ) -> Self:
        """A new element with the next id (``e-…``) and the clock's time.

        ``content`` and ``metadata`` are copied by way of their JSON, and ``fields`` are those
        of the subclass. Raises ``InvalidInput`` for what JSON cannot carry.
        """
        made = cls(
            id=ids.make("e"),
            created=clock.time(),
            content=content,
            metadata=dict(metadata or {}),
            **fields,
        )
        return cls.from_bytes(made.to_bytes())

    def to_bytes(self) -> bytes:
        """The element as JSON; raises ``InvalidInput`` for what JSON cannot carry."""
        return encode_value(self, f"element {self.id}")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What ``to_bytes`` wrote; raises ``CodecError`` that keeps the bytes."""
        return decode(data, cls)


Ref = str | Element
"""An element, or the id of one."""


def id_of(ref: Ref) -> str:
    """The id that a reference means."""
    return ref if isinstance(ref, str) else ref.id

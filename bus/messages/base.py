"""What all messages have in common."""

from __future__ import annotations

import msgspec

__all__ = ["Command", "Event", "Message", "type_of"]


class Message(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True, gc=False):
    """Immutable, tagged with its type; unknown fields are ignored when it is read.

    Immutable things of data alone form no circles, so the garbage collector need not see them.
    """


class Command(Message, frozen=True, tag=True):
    """Asks one actor to do something; its type is the class name."""


class Event(Message, frozen=True, tag=True):
    """States what has happened; each subclass gives its dotted type as the tag."""


def type_of(kind: type[Message]) -> str:
    """The type that an envelope with such a body carries."""
    tag = kind.__struct_config__.tag
    if not isinstance(tag, str):
        raise TypeError(f"{kind.__name__} has no text tag: give it one with tag=…")
    return tag

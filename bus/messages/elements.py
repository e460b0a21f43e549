"""Elements and progressions that operators and agents keep in the kernel."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from .base import Event

__all__ = ["ElementCreated", "ProgressionAppended", "ProgressionCreated"]


class ElementCreated(Event, frozen=True, tag="element.created"):
    """An element; ``content`` is any JSON value, ``created`` in seconds since the epoch."""

    element: str
    created: float
    content: Raw
    metadata: dict[str, Any] = {}


class ProgressionCreated(Event, frozen=True, tag="progression.created"):
    """An empty order of elements, with a name of its own."""

    progression: str
    name: str = ""


class ProgressionAppended(Event, frozen=True, tag="progression.appended"):
    """Elements were put at the end of a progression, in this order."""

    progression: str
    elements: tuple[str, ...]

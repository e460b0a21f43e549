"""Elements and progressions that operators keep in the kernel."""

from __future__ import annotations

from typing import Any

import msgspec

from retinue.bus.elements import Element, Progression

from .router import Answer, Body, Call, Route
from .tasks import Limited

__all__ = ["ROUTES"]


class NewElement(Body, frozen=True):
    """An element; ``content`` is any JSON value."""

    content: Any
    metadata: dict[str, Any] | None = None


class NewProgression(Body, frozen=True):
    """An empty order of elements."""

    name: str = ""


class Append(Body, frozen=True):
    """Ids of elements to put at the end, in this order."""

    elements: list[str]


class ProgressionView(msgspec.Struct, frozen=True):
    """A progression as it is shown: the ids of its elements in order."""

    id: str
    name: str
    elements: tuple[str, ...]


def create_element(call: Call) -> Answer:
    """Keep an element."""
    asked: NewElement = call.body
    return Answer(201, call.kernel.elements.create(asked.content, asked.metadata))


def list_elements(call: Call) -> list[Element]:
    """Elements, newest first."""
    return call.kernel.elements.list(call.query.limit)


def show_element(call: Call) -> Element:
    """One element."""
    return call.kernel.elements.get(call.params["id"])


def create_progression(call: Call) -> Answer:
    """Begin an order of elements."""
    return Answer(201, _view(call.kernel.progressions.create(call.body.name)))


def append(call: Call) -> ProgressionView:
    """Put elements at the end of a progression."""
    return _view(call.kernel.progressions.append(call.params["id"], call.body.elements))


def list_progressions(call: Call) -> list[ProgressionView]:
    """All progressions."""
    return [_view(progression) for progression in call.kernel.progressions.list()]


def show_progression(call: Call) -> ProgressionView:
    """One progression, with its ids in order."""
    return _view(call.kernel.progressions.get(call.params["id"]))


def _view(progression: Progression) -> ProgressionView:
    return ProgressionView(progression.id, progression.name, progression.ids())


ROUTES = (
    Route(
        "POST",
        "/v1/elements",
        create_element,
        body=NewElement,
        role="operator",
        answers={201: Element},
    ),
    Route("GET", "/v1/elements", list_elements, Limited, role="viewer"),
    Route("GET", "/v1/elements/{id}", show_element, role="viewer"),
    Route(
        "POST",
        "/v1/progressions",
        create_progression,
        body=NewProgression,
        role="operator",
        answers={201: ProgressionView},
    ),
    Route("GET", "/v1/progressions", list_progressions, role="viewer"),
    Route("GET", "/v1/progressions/{id}", show_progression, role="viewer"),
    Route("POST", "/v1/progressions/{id}/append", append, body=Append, role="operator"),
)

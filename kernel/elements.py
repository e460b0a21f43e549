"""Elements and progressions that a kernel keeps: each change is an event first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from retinue.actors.runtime import Future
from retinue.actors.runtime.future import VALUE
from retinue.bus.codec import encode_value
from retinue.bus.elements import Element, Pile, Progression
from retinue.bus.errors import NotFound
from retinue.bus.messages import (
    ElementCreated,
    EventBody,
    ProgressionAppended,
    ProgressionCreated,
)

from .tree import Tree

__all__ = ["Elements", "Progressions"]


class Elements:
    """The kernel's pile of elements. Any thread may use it."""

    def __init__(self, tree: Tree) -> None:
        """Made by ``Kernel``."""
        self._tree = tree
        self.pile: Pile[Element] = tree.state.pile

    def create(self, content: Any, metadata: Mapping[str, Any] | None = None) -> Element:
        """Keep a JSON value as an element; committed on return."""
        tree = self._tree
        body = tree.secrecy.value(encode_value(content, "the element's content"))
        about = tree.secrecy.value(encode_value(dict(metadata or {}), "the element's metadata"))
        kept, known = msgspec.json.decode(body), msgspec.json.decode(about)
        element = Element.create(kept, known, ids=tree.ids, clock=tree.clock)
        commit(
            tree, ElementCreated(element.id, element.created, msgspec.Raw(body), element.metadata)
        )
        self.pile.include(element)
        return element

    def list(self, limit: int = 100) -> list[Element]:
        """The newest first."""
        return list(self.pile.snapshot()[: -limit - 1 : -1])

    def get(self, element: str) -> Element:
        """One element; raises ``NotFound``."""
        return self.pile[element]


class Progressions:
    """Orders of the kernel's elements. Any thread may use it."""

    def __init__(self, tree: Tree, elements: Elements) -> None:
        """Made by ``Kernel``."""
        self._tree = tree
        self._elements = elements
        self._progressions = tree.state.progressions

    def create(self, name: str = "") -> Progression:
        """Begin an empty order; committed on return."""
        progression = Progression(id=self._tree.ids.make("p"), name=name)
        commit(self._tree, ProgressionCreated(progression.id, name))
        self._progressions[progression.id] = progression
        return progression

    def append(self, progression: str, elements: Iterable[str]) -> Progression:
        """Put elements at the end; raises ``NotFound`` for one that the kernel has not."""
        found, ids = self.get(progression), tuple(elements)
        self._elements.pile.select(ids)
        commit(self._tree, ProgressionAppended(progression, ids))
        found.extend(ids)
        return found

    def list(self) -> list[Progression]:
        """All of them, in order of creation."""
        return list(self._progressions.values())

    def get(self, progression: str) -> Progression:
        """One progression; raises ``NotFound``."""
        try:
            return self._progressions[progression]
        except KeyError:
            raise NotFound(
                f"no progression {progression!r}: see `retinue progressions list`"
            ) from None


def commit(tree: Tree, body: EventBody, timeout: float = 30.0) -> int:
    """Have an event committed; returns its ``seq``."""
    committed: Future[int] = Future()
    tree.scribe.append(
        [tree.scribe.write(body)], lambda events: committed.settle(VALUE, events[0].seq)
    )
    return committed.get(timeout=timeout)

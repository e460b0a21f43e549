"""An order of ids over a pile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Self, TypeVar, overload

import msgspec

from ..codec import decode, encode
from ..errors import CodecError, InvalidInput, NotFound
from .element import Element, Ref, id_of
from .pile import Pile

__all__ = ["Progression"]

T = TypeVar("T", bound=Element)


class StoredProgression(msgspec.Struct, frozen=True):
    """A progression's form in JSON."""

    order: tuple[str, ...]
    id: str = ""
    name: str = ""
    unique: bool = False


class Progression:
    """Ids in an order of their own: many progressions can run over one pile. Any thread may call.

    An id may occur more than once, as a message that is said twice does; with ``unique`` a
    second occurrence is refused. A progression does not know the pile: ids are looked up by
    ``resolve``. Each change happens whole or not at all; iteration sees one moment.
    """

    def __init__(
        self,
        order: Iterable[Ref] = (),
        *,
        id: str = "",  # the field's name
        name: str = "",
        unique: bool = False,
    ) -> None:
        """``id`` and ``name`` are the progression's own; raises ``InvalidInput`` as ``append`` does."""
        if isinstance(order, str):
            raise InvalidInput(f"the order is the text {order!r}: give a list of ids")
        self.id = id
        self.name = name
        self.unique = unique
        self._lock = Lock()
        self._order: list[str] = []
        self._held: set[str] = set()  # what _order holds; kept only where ids are unique
        self.extend(order)

    def append(self, ref: Ref) -> None:
        """Put an id at the end; raises ``InvalidInput`` for a second one where ids are unique."""
        self.extend((ref,))

    def extend(self, refs: Iterable[Ref]) -> None:
        """Put ids at the end, in their order."""
        new = [id_of(ref) for ref in refs]
        with self._lock:
            self._claim(new)
            self._order.extend(new)

    def insert(self, index: int, ref: Ref) -> None:
        """Put an id before ``index``, as a list would."""
        new = id_of(ref)
        with self._lock:
            self._claim([new])
            self._order.insert(index, new)

    def remove(self, ref: Ref) -> None:
        """Take out the first occurrence; raises ``NotFound`` when there is none."""
        with self._lock:
            self._held.discard(self._order.pop(self._find(id_of(ref))))

    def pop(self, index: int = -1) -> str:
        """Take out and return the id at ``index``; raises ``NotFound`` when there is none."""
        with self._lock:
            self._held.discard(self._at(index))
            return self._order.pop(index)

    def move(self, ref: Ref, to: int) -> None:
        """Move the first occurrence so that it stands at ``to`` afterwards."""
        wanted = id_of(ref)
        with self._lock:
            at = self._find(wanted)
            rest = self._order[:at] + self._order[at + 1 :]
            rest.insert(to if to >= 0 else len(self._order) + to, wanted)
            self._order = rest

    def reverse(self) -> None:
        """Turn the order round, in place."""
        with self._lock:
            self._order.reverse()

    def clear(self) -> None:
        """Take every id out."""
        with self._lock:
            self._order = []
            self._held = set()

    def resolve(self, pile: Pile[T]) -> list[T]:
        """The pile's elements in this order, at one moment; ``NotFound`` names ids it has not."""
        try:
            return pile.select(self.ids())
        except NotFound as error:
            raise NotFound(f"{self!r} does not fit the pile: {error}") from None

    def ids(self) -> tuple[str, ...]:
        """All ids in order, at one moment."""
        with self._lock:
            return tuple(self._order)

    def index(self, ref: Ref) -> int:
        """Where the first occurrence stands; raises ``NotFound`` when there is none."""
        with self._lock:
            return self._find(id_of(ref))

    def count(self, ref: Ref) -> int:
        """How often an id occurs."""
        return self.ids().count(id_of(ref))

    @overload
    def __getitem__(self, key: int) -> str: ...
    @overload
    def __getitem__(self, key: slice) -> Progression: ...
    def __getitem__(self, key: int | slice) -> str | Progression:
        """The id at a position (``NotFound`` when there is none), or a slice, without an id."""
        if isinstance(key, slice):
            return Progression(self.ids()[key], name=self.name, unique=self.unique)
        with self._lock:
            return self._at(key)

    def __contains__(self, ref: object) -> bool:
        return isinstance(ref, str | Element) and id_of(ref) in self.ids()

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids())

    def __reversed__(self) -> Iterator[str]:
        return reversed(self.ids())

    def __eq__(self, other: object) -> bool:
        """Equal in id, name, rule and order."""
        if not isinstance(other, Progression):
            return NotImplemented
        return self._stored() == other._stored()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        label = self.name or self.id
        return f"<Progression{' ' + repr(label) if label else ''}: {len(self)} ids>"

    def to_bytes(self) -> bytes:
        """The progression as JSON."""
        return encode(self._stored())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What ``to_bytes`` wrote; raises ``CodecError`` that keeps the bytes."""
        stored = decode(data, StoredProgression)
        try:
            return cls(stored.order, id=stored.id, name=stored.name, unique=stored.unique)
        except InvalidInput as error:
            raise CodecError(f"not a valid progression: {error}", data) from error

    def _stored(self) -> StoredProgression:
        return StoredProgression(self.ids(), self.id, self.name, self.unique)

    def _claim(self, new: list[str]) -> None:
        if not self.unique:
            return
        claimed: set[str] = set()
        for id_ in new:
            if id_ in self._held or id_ in claimed:
                raise InvalidInput(
                    f"{self!r} already holds {id_!r}, and its ids are unique: move it instead"
                )
            claimed.add(id_)
        self._held |= claimed

    def _find(self, wanted: str) -> int:
        try:
            return self._order.index(wanted)
        except ValueError:
            raise NotFound(f"{self!r} does not hold {wanted!r}: append it first") from None

    def _at(self, index: int) -> str:
        try:
            return self._order[index]
        except IndexError:
            raise NotFound(f"{self!r} has nothing at position {index}") from None

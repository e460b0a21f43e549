"""A typed, ordered, thread-safe container of elements by id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from threading import Lock
from typing import Any, Generic, Self, TypeVar, Union, overload

import msgspec

from ..codec import decode, encode_value
from ..errors import CodecError, InvalidInput, NotFound
from .element import Element, Ref, id_of

__all__ = ["Pile"]

T = TypeVar("T", bound=Element)
D = TypeVar("D")
_RAISE = object()
_NAMED = 5  # ids that an error message lists before it only counts them


class StoredPile(msgspec.Struct, Generic[T], frozen=True):
    """A pile's form in JSON."""

    elements: list[T]


class Pile(Generic[T]):
    """Elements in the order in which they were included, each id once. Any thread may call it.

    ``types`` are the exact classes it takes: a subclass has to be named too, because the bytes
    of a pile are read back as the classes named. Each change happens whole or not at all, and
    whoever iterates or slices sees the pile as it was at one moment.
    """

    def __init__(self, types: type[T] | tuple[type[T], ...], elements: Iterable[T] = ()) -> None:
        """Raises ``InvalidInput`` for a type that is no ``Element``, and as ``include`` does."""
        self.types: tuple[type[T], ...] = types if isinstance(types, tuple) else (types,)
        _check_types(self.types)
        self._lock = Lock()
        self._elements: dict[str, T] = {}
        self._ordered: tuple[T, ...] | None = ()
        self.include(*elements)

    def include(self, *elements: T) -> None:
        """Put new elements at the end; raises ``InvalidInput`` for an id that is there."""
        with self._lock:
            self._elements.update(self._new(elements))
            self._ordered = None

    def insert(self, index: int, *elements: T) -> None:
        """Put new elements before ``index``, as a list would; refuses what ``include`` does."""
        with self._lock:
            items = list(self._elements.items())
            items[index:index] = self._new(elements).items()
            self._elements = dict(items)
            self._ordered = None

    def update(self, *elements: T) -> None:
        """Replace elements of the same id where they stand, and put the others at the end."""
        with self._lock:
            self._check(elements)
            self._elements.update({element.id: element for element in elements})
            self._ordered = None

    def exclude(self, *refs: Ref) -> None:
        """Take elements out; raises ``NotFound``, and takes none, when one is not there."""
        wanted = [id_of(ref) for ref in refs]
        with self._lock:
            self._require(wanted)
            for id_ in wanted:
                self._elements.pop(id_, None)
            self._ordered = None

    @overload
    def pop(self, ref: Ref) -> T: ...
    @overload
    def pop(self, ref: Ref, default: D) -> T | D: ...
    def pop(self, ref: Ref, default: Any = _RAISE) -> Any:
        """Take one element out and return it; ``NotFound`` when absent and no default is given."""
        id_ = id_of(ref)
        with self._lock:
            if default is _RAISE:
                self._require([id_])
            self._ordered = None
            return self._elements.pop(id_, default)

    def clear(self) -> None:
        """Take everything out."""
        with self._lock:
            self._elements = {}
            self._ordered = ()

    @overload
    def get(self, ref: Ref) -> T | None: ...
    @overload
    def get(self, ref: Ref, default: D) -> T | D: ...
    def get(self, ref: Ref, default: Any = None) -> Any:
        """The element, or the default."""
        with self._lock:
            return self._elements.get(id_of(ref), default)

    def select(self, refs: Iterable[Ref]) -> list[T]:
        """The elements in the order of ``refs``, at one moment; ``NotFound`` names the missing."""
        wanted = [id_of(ref) for ref in refs]
        with self._lock:
            self._require(wanted)
            return [self._elements[id_] for id_ in wanted]

    def filter(self, keep: Callable[[T], bool]) -> Pile[T]:
        """A new pile of those that ``keep`` says true of; it may itself use this pile."""
        return Pile(self.types, (element for element in self.snapshot() if keep(element)))

    def snapshot(self) -> tuple[T, ...]:
        """All elements in order, at one moment; costs nothing while the pile does not change."""
        with self._lock:
            if self._ordered is None:
                self._ordered = tuple(self._elements.values())
            return self._ordered

    def ids(self) -> list[str]:
        """All ids in order, at one moment."""
        with self._lock:
            return list(self._elements)

    @overload
    def __getitem__(self, key: Ref | int) -> T: ...
    @overload
    def __getitem__(self, key: slice) -> Pile[T]: ...
    def __getitem__(self, key: Ref | int | slice) -> T | Pile[T]:
        """By id or position (``NotFound`` when absent), or a slice as a new pile."""
        if isinstance(key, slice):
            return Pile(self.types, self.snapshot()[key])
        if isinstance(key, int):
            return self._at(key)
        return self.select([key])[0]

    def __contains__(self, ref: object) -> bool:
        with self._lock:
            return isinstance(ref, str | Element) and id_of(ref) in self._elements

    def __len__(self) -> int:
        with self._lock:
            return len(self._elements)

    def __iter__(self) -> Iterator[T]:
        return iter(self.snapshot())

    def __reversed__(self) -> Iterator[T]:
        return reversed(self.snapshot())

    def __eq__(self, other: object) -> bool:
        """Equal types and equal elements in the same order."""
        if not isinstance(other, Pile):
            return NotImplemented
        return self.types == other.types and self.snapshot() == other.snapshot()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"<Pile of {_names(self.types)}: {len(self)} elements>"

    def to_bytes(self) -> bytes:
        """The elements in order as JSON; raises ``InvalidInput`` for what JSON cannot carry."""
        return encode_value(StoredPile(list(self.snapshot())), repr(self))

    @classmethod
    def from_bytes(cls, data: bytes, types: type[T] | tuple[type[T], ...]) -> Self:
        """What ``to_bytes`` wrote, as a pile of ``types``; ``CodecError`` keeps the bytes."""
        pile = cls(types)
        union: Any = Union.__getitem__(pile.types)
        stored: StoredPile[T] = decode(data, StoredPile[union])
        try:
            pile.include(*stored.elements)
        except InvalidInput as error:
            raise CodecError(f"not a valid pile: {error}", data) from error
        return pile

    def _at(self, index: int) -> T:
        elements = self.snapshot()
        try:
            return elements[index]
        except IndexError:
            raise NotFound(f"{self!r} has nothing at position {index}") from None

    def _new(self, elements: Iterable[T]) -> dict[str, T]:
        self._check(elements)
        new: dict[str, T] = {}
        for element in elements:
            if element.id in self._elements or element.id in new:
                raise InvalidInput(
                    f"element {element.id!r} is already in the pile: use update to replace it"
                )
            new[element.id] = element
        return new

    def _check(self, elements: Iterable[T]) -> None:
        for element in elements:
            if type(element) not in self.types:
                raise InvalidInput(
                    f"the pile takes {_names(self.types)}, not {type(element).__name__}:"
                    " name that type when you make the pile"
                )

    def _require(self, wanted: Iterable[str]) -> None:
        missing = [id_ for id_ in wanted if id_ not in self._elements]
        if missing:
            named = ", ".join(repr(id_) for id_ in islice(missing, _NAMED))
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            raise NotFound(f"the pile has no element {named}{more}: include it first")


def _check_types(types: tuple[Any, ...]) -> None:
    if not types:
        raise InvalidInput("a pile needs at least one type of elements: Pile(Element)")
    for kind in types:
        if not (isinstance(kind, type) and issubclass(kind, Element)):
            raise InvalidInput(f"{kind!r} is no Element: a pile's types are subclasses of Element")


def _names(types: tuple[type[Any], ...]) -> str:
    return " or ".join(kind.__name__ for kind in types)

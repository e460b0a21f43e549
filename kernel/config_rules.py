"""What a setting may be, read off the types of ``Config``; all pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

__all__ = ["child", "is_table", "leaves", "nearest", "rule"]


def child(kind: Any, key: str) -> Any | None:
    """The type of ``key`` inside a section or a table, or ``None`` when there is no such key."""
    if _is_section(kind):
        return get_type_hints(kind, include_extras=True).get(key)
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    return None


def is_table(kind: Any) -> bool:
    """Whether the type has keys of its own."""
    return _is_section(kind) or get_origin(kind) is dict


def leaves(kind: Any, prefix: str = "") -> Iterator[str]:
    """The dotted name of every setting whose name is fixed."""
    for key, inner in get_type_hints(kind, include_extras=True).items():
        if _is_section(inner):
            yield from leaves(inner, f"{prefix}{key}.")
        elif get_origin(inner) is not dict:
            yield prefix + key


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was most likely meant; a right key in a wrong section counts."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
    if close:
        return close[0]
    last = {n.rpartition(".")[2]: n for n in names}
    found = difflib.get_close_matches(name.rpartition(".")[2], last, n=1, cutoff=0.8)
    return last[found[0]] if found else None


def rule(kind: Any) -> str:
    """What a value has to be, in words: the second half of "is X, but must be …"."""
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, get_args(kind)))
    if get_origin(kind) is Annotated:
        inner, meta = get_args(kind)
        return _described(meta) or f"{rule(inner)}{_bound(meta)}"
    if get_origin(kind) is tuple:
        return "a list of texts"
    words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    return words.get(kind, str(kind))


def _described(meta: msgspec.Meta) -> str:
    return meta.description or ""


def _bound(meta: msgspec.Meta) -> str:
    if meta.ge is not None:
        return f" of at least {meta.ge}"
    if meta.gt is not None:
        return f" above {meta.gt}"
    return ""


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)

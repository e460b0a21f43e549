"""Docstrings and types as Markdown."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from retinue.plugins.manifest.model import Permissions

WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    msgspec.Raw: "any JSON value",
    type(None): "null",
    Any: "any JSON value",
    Permissions: "object, as a manifest's `[permissions]`",
}


def prose(docstring: str | None) -> str:
    """A docstring as Markdown paragraphs, one line each."""
    paragraphs = inspect.cleandoc(docstring or "").replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def summary(docstring: str | None) -> str:
    """The first paragraph of a docstring."""
    return prose(docstring).split("\n\n")[0]


def kind_in_words(kind: Any) -> str:
    """A field's type as a reader of JSON knows it."""
    origin, args = get_origin(kind), get_args(kind)
    if kind in WORDS:
        return WORDS[kind]
    if origin in (tuple, list):
        return f"list of {kind_in_words(args[0])}s"
    if origin is dict or kind is dict:
        return "object"
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in args)
    if origin in (types.UnionType, Union):
        return " or ".join(map(kind_in_words, args))
    if origin is Annotated:
        return kind_in_words(args[0]) + _bounds(args[1])
    raise TypeError(f"no words for {kind!r}: add them to scripts/pages/text.py")


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in map(_escaped, lines))


def fields(kind: type[msgspec.Struct]) -> str:
    """A table of a struct's fields, or nothing for one without."""
    hints = get_type_hints(kind, include_extras=True)
    rows = [
        (f"`{field.encode_name}`", kind_in_words(hints[field.name]), default(field))
        for field in msgspec.structs.fields(kind)
    ]
    return table(["field", "is", "default"], rows) if rows else ""


def default(field: msgspec.structs.FieldInfo) -> str:
    """The default as JSON, or that there is none."""
    if field.required:
        return "always given"
    made = field.default is msgspec.NODEFAULT
    value = field.default_factory() if made else field.default
    data = bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)
    return f"`{data.decode()}`"


def _bounds(meta: msgspec.Meta) -> str:
    low = f" of at least {meta.ge}" if meta.ge is not None else ""
    high = f", at most {meta.le}" if meta.le is not None else ""
    return low + high


def _escaped(cells: Iterable[str]) -> list[str]:
    return [cell.replace("|", r"\|") for cell in cells]

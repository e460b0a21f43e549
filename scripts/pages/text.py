"""Docstrings and types as Markdown."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable
from typing import Any, get_args, get_origin

import msgspec

WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    msgspec.Raw: "any JSON value",
    type(None): "null",
    Any: "any JSON value",
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
    if origin is tuple:
        return f"list of {kind_in_words(args[0])}s"
    if origin is dict or kind is dict:
        return "object"
    if origin is types.UnionType:
        return " or ".join(map(kind_in_words, args))
    raise TypeError(f"no words for {kind!r}: add them to scripts/pages/text.py")


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in map(_escaped, lines))


def _escaped(cells: Iterable[str]) -> list[str]:
    return [cell.replace("|", r"\|") for cell in cells]

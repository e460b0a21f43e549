"""JSON Schema of every event and command, from the message types."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from ..messages import Message, type_of
from .attributes import ATTRIBUTES, REQUIRED

__all__ = ["Schema", "envelopes", "payloads"]

Schema = dict[str, Any]


def payloads(kinds: Iterable[type[Message]], ref: str) -> dict[str, Schema]:
    """What each type has in ``data``, by class name; ``ref`` is such as ``#/$defs/{name}``.

    Nothing forbids further fields: a later version may add some, and readers ignore them.
    """
    twins = [_without_raw(kind) for kind in kinds]
    _, found = msgspec.json.schema_components(twins, ref_template=ref)
    return {name: _told(schema) for name, schema in found.items()}


def envelopes(kinds: Mapping[str, type[Message]], ref: str) -> dict[str, Schema]:
    """The whole event as observers read it, by its type, around a reference to its payload."""
    return {"event": _envelope()} | {name: _around(name, kind, ref) for name, kind in kinds.items()}


def _envelope() -> Schema:
    return {
        "title": "Event",
        "description": "What every event has: the attributes of CloudEvents 1.0 and extensions. "
        "Readers ignore attributes, fields and types that they do not know.",
        "type": "object",
        "properties": {name: dict(schema) for name, schema in ATTRIBUTES.items()},
        "required": list(REQUIRED),
        "oneOf": [{"required": ["data"]}, {"required": ["dataref", "databytes"]}],
    }


def _around(name: str, kind: type[Message], ref: str) -> Schema:
    return {
        "title": name,
        "description": _prose(kind.__doc__),
        "allOf": [{"$ref": ref.format(name="event")}],
        "type": "object",
        "properties": {
            "type": {"const": name},
            "data": {"$ref": ref.format(name=kind.__name__)},
        },
    }


def _without_raw(kind: type[Message]) -> type[msgspec.Struct]:
    """The same struct with ``Any`` for ``Raw``, whose defaults msgspec's schemas cannot show."""
    hints = get_type_hints(kind)
    fields = [_field(field, hints[field.name]) for field in msgspec.structs.fields(kind)]
    namespace = {"__doc__": _prose(kind.__doc__)}
    return msgspec.defstruct(
        kind.__name__, fields, tag_field="type", tag=type_of(kind), namespace=namespace
    )


def _field(field: msgspec.structs.FieldInfo, hint: Any) -> Any:
    if field.required:
        return field.name, _open(hint)
    if field.default is msgspec.NODEFAULT:
        return field.name, _open(hint), msgspec.field(default_factory=field.default_factory)
    raw = isinstance(field.default, msgspec.Raw)
    return field.name, _open(hint), msgspec.json.decode(field.default) if raw else field.default


def _open(hint: Any) -> Any:
    """The type with ``Any`` where anything may stand."""
    if hint is msgspec.Raw:
        return Any
    if isinstance(hint, type(int | str)) or get_origin(hint) is Union:
        return reduce(or_, map(_open, get_args(hint)))
    return hint


def _told(schema: Schema) -> Schema:
    """The tag as a constant, and always there."""
    tag = schema["properties"]["type"]
    if "enum" in tag:
        schema["properties"]["type"] = {"const": tag["enum"][0]}
    return schema


def _prose(docstring: str | None) -> str:
    paragraphs = inspect.cleandoc(docstring or "").replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)

"""``Secret``: marks a parameter whose values are never written down, and finds them in an input."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from retinue.bus.errors import InvalidInput

__all__ = ["Secret", "SecretFields", "marked", "without_defaults"]

Secret = msgspec.Meta(extra_json_schema={"x-secret": True, "writeOnly": True})
"""``token: Annotated[str, Secret]``: the code gets the value; events, logs and answers do not.

Wherever the value turns up while the task or call lasts, ``[secret:token]`` stands in its place.
"""


class SecretFields:
    """Where a JSON Schema says ``x-secret``. Pure."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """``schema`` is that of a whole input, with its ``$defs``."""
        self._schema = schema
        self._parts: Mapping[str, Any] = schema.get("$defs", {})
        self.any = marked(schema)
        """Whether there is any such place."""

    def find(self, value: Any) -> list[tuple[str, str]]:
        """The names and values that stand in such places in ``value``, which is made of JSON types.

        Raises ``InvalidInput`` for one that is too short to be told apart from other text. What is
        empty, 0, a boolean or ``null`` is no secret.
        """
        found = list(self._found(self._schema, value, "field", 0)) if self.any else []
        if found:
            _check_long(found)
        return found

    def _found(self, schema: Any, value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
        if not isinstance(schema, Mapping) or depth > _DEEPEST:
            return
        if schema.get("x-secret"):
            yield from _leaves(value, name)
            return
        if "$ref" in schema:
            part = self._parts.get(str(schema["$ref"]).removeprefix("#/$defs/"))
            yield from self._found(part, value, name, depth + 1)
        for kind in ("anyOf", "oneOf", "allOf"):
            for one in schema.get(kind, ()):
                yield from self._found(one, value, name, depth + 1)
        if isinstance(value, Mapping):
            yield from self._in_object(schema, value, name, depth + 1)
        elif isinstance(value, list):
            first = schema.get("prefixItems", ())
            for at, item in enumerate(value):
                part = first[at] if at < len(first) else schema.get("items")
                yield from self._found(part, item, name, depth + 1)

    def _in_object(
        self, schema: Mapping[str, Any], value: Mapping[str, Any], name: str, depth: int
    ) -> Iterator[tuple[str, str]]:
        known = schema.get("properties", {})
        for key, item in value.items():
            if key in known:
                yield from self._found(known[key], item, _name(key), depth)
            else:  # the key is data: it may be the secret
                yield from self._found(schema.get("additionalProperties"), item, name, depth)


_DEEPEST = 200
_STAND_IN = re.compile(r"\[(secret(:[^\]]{1,64})?|\*\*\*)\]\Z")  # in a run that is replayed
_ODD = re.compile(r"[^A-Za-z0-9_. -]")


def without_defaults(schema: Any) -> Any:
    """The schema, without those defaults that are secrets, or that may contain some."""
    if isinstance(schema, list | tuple):
        return list(map(without_defaults, schema))
    if not isinstance(schema, Mapping):
        return schema
    hidden = marked(schema) or isinstance(schema.get("default"), Mapping | list)
    return {
        key: {name: without_defaults(one) for name, one in part.items()}
        if key in ("properties", "$defs")
        else without_defaults(part)
        for key, part in schema.items()
        if key != "default" or not hidden
    }


def marked(schema: Any) -> bool:
    """Whether anything in the schema is marked."""
    if isinstance(schema, Mapping):
        return bool(schema.get("x-secret")) or any(map(marked, schema.values()))
    return isinstance(schema, list | tuple) and any(map(marked, schema))


def _leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if value.strip() and not _STAND_IN.match(value.strip()):
            yield name, value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if value:
            yield name, str(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, name)


def _name(key: str) -> str:
    return _ODD.sub("_", key)[:64].lstrip("-. ") or "field"


def _check_long(found: list[tuple[str, str]]) -> None:
    from retinue.bus.redact.forms import LEAST  # every plugin's process imports this module

    for name, text in found:
        if len(text.strip()) < LEAST:
            raise InvalidInput(
                f"secret {name!r} has {len(text.strip())} characters: fewer than {LEAST} "
                "cannot be told apart from other text; use a longer one"
            )

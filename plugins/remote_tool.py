"""A tool that runs in another process, as the kernel's toolbox knows it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import msgspec

from retinue.bus.errors import InvalidInput

from .secret import SecretFields
from .tools import Effect, Tool, ToolContext, check_name

__all__ = ["RemoteTool", "check_shallow"]

Far = Callable[[Mapping[str, Any], ToolContext], Coroutine[Any, Any, Any]]
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
    "null": (type(None),),
}
_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object"}
_NAMES |= {list: "array", tuple: "array", type(None): "null"}


class RemoteTool(Tool):
    """Its arguments are checked against the top of its schema here, and wholly where it runs."""

    def __init__(
        self,
        far: Far,
        name: str,
        schema: Mapping[str, Any],
        *,
        description: str = "",
        effect: Effect = "once",
        timeout: float | None = None,
    ) -> None:
        """``far`` does the call; ``schema`` is untrusted JSON Schema of an object."""
        self.function = far
        self.name = check_name("tool", name)
        self.description = description
        self.effect: Effect = effect
        self.timeout = timeout
        self.is_async = True
        self._schema = dict(schema)
        self._secrets = SecretFields(self._schema)
        self._far = far

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments, as the plugin gave it."""
        return self._schema

    @property
    def secrets(self) -> SecretFields:
        """Which arguments the schema marks ``x-secret``."""
        return self._secrets

    def check(self, args: bytes | Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as they are; raises ``InvalidInput`` for what the schema's top refuses."""
        given = msgspec.json.decode(args) if isinstance(args, bytes) else dict(args)
        check_shallow(given, self._schema, f"tool '{self.name}'")
        return dict(given)

    def call(self, checked: Mapping[str, Any], ctx: ToolContext | None = None) -> Any:
        """The awaitable of one call."""
        return self._far(checked, ctx or ToolContext())

    def named(self, name: str) -> Tool:
        """The same tool under another name."""
        return RemoteTool(
            self._far,
            name,
            self._schema,
            description=self.description,
            effect=self.effect,
            timeout=self.timeout,
        )

    def __repr__(self) -> str:
        return f"<RemoteTool {self.name} effect={self.effect}>"


def check_shallow(args: Any, schema: Mapping[str, Any], what: str) -> None:
    """Raise ``InvalidInput`` for a missing or unknown argument, or one of another JSON type. Pure.

    A stranger's schema may hold anything, patterns that take for ever included: nothing but
    names and types is read from it.
    """
    if not isinstance(args, Mapping):
        raise InvalidInput(f"{what}: its arguments are an object of names and values")
    properties = schema.get("properties")
    known: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if name not in args:
            raise InvalidInput(
                f"{what}: Object missing required field `{name}`; it takes {', '.join(known)}"
            )
    for name, value in args.items():
        part = known.get(name)
        if part is None and schema.get("additionalProperties") is False:
            raise InvalidInput(
                f"{what}: Object contains unknown field `{name}`; it takes {', '.join(known)}"
            )
        if isinstance(part, Mapping):
            _check_type(value, part.get("type"), name, what)


def _check_type(value: Any, kind: Any, name: str, what: str) -> None:
    if type(kind) is str and type(value) in _KINDS.get(kind, ()):  # most often
        return
    kinds = kind if isinstance(kind, list) else [kind]
    allowed = [_KINDS[k] for k in kinds if isinstance(k, str) and k in _KINDS]
    if not allowed:
        return
    fits = any(isinstance(value, types) for types in allowed)
    if isinstance(value, bool) and not any(bool in types for types in allowed):
        fits = False
    if not fits:
        names = " or ".join(str(k) for k in kinds)
        found = _NAMES.get(type(value), type(value).__name__)
        raise InvalidInput(f"{what}: Expected {names}, got {found} - at `$.{name}`")

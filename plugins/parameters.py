"""What a function takes from outside: its JSON Schema, and the check of what is given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import SimpleNamespace
from typing import Any, get_type_hints

import msgspec
from msgspec.structs import asdict

from retinue.bus.codec import encode_value
from retinue.bus.errors import InvalidInput

from .docstrings import describe_parameters
from .secret import Secret, SecretFields, marked, without_defaults

__all__ = ["Parameters"]

_OBJECT = msgspec.json.Decoder(dict[str, Any])
_EMPTY = inspect.Parameter.empty
_REFUSED = {
    inspect.Parameter.POSITIONAL_ONLY: "is positional-only; drop the '/': parameters are filled by name",
    inspect.Parameter.VAR_POSITIONAL: "cannot be filled by name; take a list instead",
}


class Parameters:
    """The named parameters of a function, filled from one JSON object.

    Unknown, missing and mistyped ones are refused; ``**free`` accepts any further key. The
    annotations are read at the first use, so that they may name what the module defines later.
    """

    def __init__(
        self, function: Callable[..., Any], taken: Sequence[inspect.Parameter], what: str
    ) -> None:
        """``taken`` are those that the kernel fills itself (``self``, ``ctx``), first of all."""
        self._function = inspect.unwrap(function)
        self._what = what
        given = list(inspect.signature(function).parameters.values())[len(taken) :]
        for parameter in given:
            _refuse_unfillable(parameter, what)
        self._free = next((p for p in given if p.kind is p.VAR_KEYWORD), None)
        self._named = [p for p in given if p is not self._free]
        self._reserved = [p.name for p in taken if p.kind is not p.POSITIONAL_ONLY]

    def check(self, given: bytes | Mapping[str, Any], what: str) -> dict[str, Any]:
        """Every parameter by name, typed as annotated, defaults filled in.

        ``given`` is a JSON object or its bytes. Raises ``InvalidInput`` that starts with ``what``
        and names the path and what the function takes.
        """
        body = given if isinstance(given, bytes) else encode_value(given, f"{what}: its input")
        try:
            if self._free is None:
                filled: dict[str, Any] = asdict(self._decoder.decode(body))
                return filled
            return self._check_free(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidInput(f"{what}: {error}; it takes {self}") from error

    @cached_property
    def schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of the object that ``check`` accepts."""
        (top,), parts = msgspec.json.schema_components(
            [self._struct], ref_template="#/$defs/{name}"
        )
        schema: dict[str, Any] = parts.pop(top["$ref"].removeprefix("#/$defs/"))
        del schema["title"]
        described = describe_parameters(self._function.__doc__)
        for name, part in schema["properties"].items():
            if name in described:
                part.setdefault("description", described[name])
        if self._free is not None:
            schema["additionalProperties"] = msgspec.json.schema(self._free_type) or True
        whole = schema | ({"$defs": parts} if parts else {})
        return without_defaults(whole) if marked(whole) else whole

    @cached_property
    def secrets(self) -> SecretFields:
        """Which of the parameters, or parts of them, are marked ``Secret``."""
        return SecretFields(self.schema)

    def __str__(self) -> str:
        """For example ``text: str, times: int = 1``."""
        every = [*self._named, *filter(None, [self._free])]
        return ", ".join(_shown(p, hidden=self._is_secret(p)) for p in every) or "no input"

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[Any]:
        return msgspec.json.Decoder(self._struct)

    @cached_property
    def _struct(self) -> type[msgspec.Struct]:
        return msgspec.defstruct(
            "Input",
            [self._field(p) for p in self._named],
            kw_only=True,
            forbid_unknown_fields=self._free is None,
        )

    @cached_property
    def _free_type(self) -> Any:
        return Any if self._free is None else self._type(self._free)

    @cached_property
    def _free_values(self) -> Any:
        return dict.__class_getitem__((str, self._free_type))

    def _check_free(self, body: bytes) -> dict[str, Any]:
        given = _OBJECT.decode(body)
        for name in self._reserved:
            if name in given:
                raise msgspec.ValidationError(f"Object contains reserved field `{name}`")
        filled = asdict(self._decoder.decode(body)) if self._named else {}
        rest = {name: value for name, value in given.items() if name not in filled}
        if self._free_type is not Any:
            rest = msgspec.convert(rest, self._free_values)
        return {**filled, **rest}

    def _field(self, parameter: inspect.Parameter) -> tuple[Any, ...]:
        kind = self._type(parameter)
        default = parameter.default
        if default is _EMPTY:
            return parameter.name, kind
        if isinstance(default, list | dict | set | bytearray):
            # msgspec refuses a shared mutable default; the function itself would share it too.
            return parameter.name, kind, msgspec.field(default_factory=lambda: default)
        return parameter.name, kind, default

    def _type(self, parameter: inspect.Parameter) -> Any:
        if parameter.annotation is _EMPTY:
            return Any
        holder = SimpleNamespace(__annotations__={"it": parameter.annotation})
        try:
            kind = get_type_hints(holder, self._globals, include_extras=True)["it"]
            msgspec.json.schema(kind)
        except (NameError, AttributeError, SyntaxError, TypeError) as error:
            raise InvalidInput(
                f"{self._what}: parameter '{_shown(parameter)}' cannot be read from JSON: {error}; "
                "annotate it with a module-level type that msgspec knows"
            ) from error
        return kind

    def _is_secret(self, parameter: inspect.Parameter) -> bool:
        if parameter.default is _EMPTY or parameter.default in (None, "", 0):
            return False  # there is nothing to hide
        try:
            return marked(msgspec.json.schema(self._type(parameter)))
        except InvalidInput:
            return True

    @property
    def _globals(self) -> dict[str, Any]:
        function = getattr(self._function, "func", self._function)
        return getattr(function, "__globals__", {})


def _refuse_unfillable(parameter: inspect.Parameter, what: str) -> None:
    if parameter.kind in _REFUSED:
        raise InvalidInput(f"{what}: parameter '{parameter.name}' {_REFUSED[parameter.kind]}")


def _shown(parameter: inspect.Parameter, *, hidden: bool = True) -> str:
    """As in a signature; without its default when that is ``hidden``."""
    stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
    note = parameter.annotation
    kind = (
        ""
        if note is _EMPTY
        else f": {note if isinstance(note, str) else inspect.formatannotation(note)}"
    )
    shown = "…" if hidden else repr(parameter.default)
    default = "" if parameter.default is _EMPTY else f" = {shown}"
    return f"{stars}{parameter.name}{kind.replace(repr(Secret), 'Secret')}{default}"

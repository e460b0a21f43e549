"""Requests as structs: bounded in size and in time, and errors that name the field."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar, get_origin, get_type_hints

import msgspec
from starlette.requests import HTTPConnection, Request

from retinue.bus.errors import DeadlineExceeded, InvalidInput

from .problems import FieldError

__all__ = [
    "Body",
    "Malformed",
    "Nothing",
    "Query",
    "Reused",
    "TooLarge",
    "TooSlow",
    "parsed_query",
    "read",
    "within",
]

_PATIENCE = 30.0
"""Seconds in which a body has to come."""
_WHERE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>.*)`)?$", re.DOTALL)
_NAMED = re.compile(r"^Object (?:contains unknown|missing required) field `(?P<name>.*)`$")
_REFUSED = re.compile(r"^(?:agent|tool) '[^']*': (.*?)(?:; it takes .*)?$", re.DOTALL)
_PLACED = re.compile(r" - at `|^Object (?:contains unknown|missing required) field `")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Root of the bodies that routes take; a key that is not known is refused."""


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Root of the queries that routes take; a name that is not known is refused."""


class Nothing(Body, frozen=True):
    """A body without keys, or no body at all."""


class Malformed(InvalidInput):
    """A request that is not of its route's form; ``fields`` says where."""

    def __init__(self, message: str, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class TooLarge(InvalidInput):
    """A body that is over the limit."""

    status = 413


class Reused(InvalidInput):
    """A key that came before with something else."""

    status = 422


class TooSlow(DeadlineExceeded):
    """A body that did not come in time."""

    status = 408


@contextmanager
def within(pointer: str) -> Iterator[None]:
    """What is refused in here is a value in the body, at this JSON pointer: its fields are named."""
    try:
        yield
    except InvalidInput as error:
        told = _REFUSED.sub(r"\1", str(error))
        if not _PLACED.search(told):
            raise
        raise Malformed(str(error), _fields_in(told, f"{pointer}/")) from error


Q = TypeVar("Q", bound=Query)
B = TypeVar("B", bound=Body)


async def read(request: Request, limit: int) -> bytes:
    """The body; raises ``TooLarge`` before a long one is in memory, and ``TooSlow``."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_PATIENCE):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise TooLarge(
                        f"the request is larger than {limit} bytes: see limits.input_bytes"
                    )
                parts.append(part)
    except TimeoutError as error:
        raise TooSlow(f"the request's body did not come within {_PATIENCE:g} s") from error
    return b"".join(parts)


def parsed_body(data: bytes, kind: type[B]) -> B:
    """The body as a struct; raises ``Malformed``."""
    try:
        return msgspec.json.decode(data or b"{}", type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"the request's body: {error}", _fields(error, "/")) from error


def parsed_query(request: HTTPConnection, kind: type[Q]) -> Q:
    """The query as a struct; a tuple's name may come several times. Raises ``Malformed``."""
    if not request.scope.get("query_string"):
        known: Q = _empty(kind)
        return known
    many, given = _many(kind), request.query_params
    values: dict[str, Any] = {
        name: given.getlist(name) if name in many else given[name] for name in given
    }
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Malformed(f"the request's query: {error}", _fields(error, "?")) from error


@cache
def _empty(kind: type[Query]) -> Any:
    """Without a query; queries are immutable."""
    return msgspec.convert({}, kind)


@cache
def _many(kind: type[Query]) -> frozenset[str]:
    """The names that may come several times."""
    hints = get_type_hints(kind)
    names = zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)
    return frozenset(shown for shown, name in names if get_origin(hints[name]) is tuple)


def _fields(error: Exception, mark: str) -> tuple[FieldError, ...]:
    """Where, as a JSON pointer into the body (``/input/text``) or a query's name (``?limit``)."""
    if not isinstance(error, msgspec.ValidationError):
        return ()
    return _fields_in(str(error), mark)


def _fields_in(message: str, mark: str) -> tuple[FieldError, ...]:
    found = _WHERE.match(message)
    if found is None:
        return ()
    steps = [name or index for name, index in _STEP.findall(found["path"] or "")]
    named = _NAMED.match(found["what"])
    if named is not None:
        steps.append(named["name"])
    path = "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)
    return (FieldError(mark + path, found["what"]),)

"""Errors across a pipe: the kinds that an agent may want to catch arrive as themselves. Pure."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from retinue.bus import errors
from retinue.bus.errors import RetinueError
from retinue.plugins.llm.model import ModelRefused

from .failures import message_of, one_line

__all__ = ["Fault", "pack", "unpack"]

_SPECIAL = {
    "TaskFailed": (errors.TaskFailed, ("task", "kind", "cause", "attempts")),
    "TaskCancelled": (errors.TaskCancelled, ("task", "reason")),
    "Denied": (errors.Denied, ("rule", "resource", "message")),
    "ModelRefused": (ModelRefused, ("message", "status", "retry_after")),
}
_PLAIN: dict[str, type[RetinueError]] = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, RetinueError) and "__init__" not in vars(kind)
}


class Fault(msgspec.Struct, frozen=True):
    """An error without its object: the type's name, its message, and its own fields."""

    kind: str
    message: str
    fields: dict[str, Any] = {}


def pack(error: BaseException) -> Fault:
    """``error`` as data; what is not of Retinue's own kinds keeps its name and message only."""
    kind = type(error).__name__
    special, names = _SPECIAL.get(kind, (None, ()))
    # By its type, not its name: an agent's own TaskFailed need not have these fields.
    fields = {name: getattr(error, name, "") for name in names if type(error) is special}
    return Fault(kind, one_line(message_of(error)), fields)


def unpack(fault: Fault) -> RetinueError:
    """The error again; a kind that is not known becomes a ``RetinueError`` that names it."""
    if fault.fields and fault.kind in _SPECIAL:
        kind, names = _SPECIAL[fault.kind]
        given = fault.fields | {"message": fault.message}
        error: RetinueError = kind(**{name: given[name] for name in names})
        return error
    if fault.kind in _PLAIN:
        return _PLAIN[fault.kind](fault.message)
    return RetinueError(f"{fault.kind}: {fault.message}")

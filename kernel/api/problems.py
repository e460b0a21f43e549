"""Errors as RFC 9457 problem details: one clear line, and a type that programs can read."""

from __future__ import annotations

import re

import msgspec

from retinue.bus import errors
from retinue.bus.errors import (
    ActorDead,
    DeadlineExceeded,
    Denied,
    InvalidInput,
    KernelClosed,
    MailboxFull,
    ModelError,
    NotFound,
    PluginError,
    RateLimited,
    ResultTooLarge,
    RetinueError,
    ToolError,
    Unavailable,
)

__all__ = ["MEDIA_TYPE", "FieldError", "Problem", "problem_of"]

MEDIA_TYPE = "application/problem+json"

_STATUS: tuple[tuple[type[BaseException], int], ...] = (
    (RateLimited, 429),
    (InvalidInput, 400),
    (Denied, 403),
    (NotFound, 404),
    (PluginError, 422),
    (ToolError, 502),
    (ResultTooLarge, 502),
    (ModelError, 502),
    (KernelClosed, 503),
    (ActorDead, 503),
    (MailboxFull, 503),
    (Unavailable, 503),
    (DeadlineExceeded, 504),
)


class FieldError(msgspec.Struct, frozen=True):
    """A field that is wrong. ``path`` is a JSON pointer into the body (``/input/text``), or ``?limit``."""

    path: str
    detail: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """``title`` is the error's class in ``retinue.bus.errors``, ``detail`` its message.

    ``errors`` names the fields of the request that are wrong, where that is what is wrong with it.
    """

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldError, ...] = ()


def problem_of(error: BaseException, status: int | None = None) -> Problem:
    """The problem that an error is; what is not ours is a 500 and named by its class."""
    found = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    if isinstance(error, RetinueError):
        found = getattr(error, "status", found)
    name = _name_of(error)
    detail = str(error) if isinstance(error, RetinueError) else f"{type(error).__name__}: {error}"
    fields = getattr(error, "fields", ())
    return Problem(f"urn:retinue:problem:{_dashed(name)}", name, status or found, detail, fields)


def _name_of(error: BaseException) -> str:
    """The nearest class that clients know."""
    if not isinstance(error, RetinueError):
        return "InternalError"
    names = [kind.__name__ for kind in type(error).__mro__]
    return next((name for name in names if name in errors.__all__), names[0])


def _dashed(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()

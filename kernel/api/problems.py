"""Errors as RFC 9457 problem details: one clear line, and a type that programs can read."""

from __future__ import annotations

import re

import msgspec

from retinue.bus.errors import (
    DeadlineExceeded,
    Denied,
    InvalidInput,
    KernelClosed,
    MailboxFull,
    ModelError,
    NotFound,
    PluginError,
    ResultTooLarge,
    RetinueError,
    ToolError,
    Unavailable,
)

__all__ = ["MEDIA_TYPE", "Problem", "problem_of"]

MEDIA_TYPE = "application/problem+json"

_STATUS: tuple[tuple[type[BaseException], int], ...] = (
    (InvalidInput, 400),
    (Denied, 403),
    (NotFound, 404),
    (PluginError, 422),
    (ToolError, 502),
    (ResultTooLarge, 502),
    (ModelError, 502),
    (KernelClosed, 503),
    (MailboxFull, 503),
    (Unavailable, 503),
    (DeadlineExceeded, 504),
)


class Problem(msgspec.Struct, frozen=True):
    """``title`` is the error's class in ``retinue.bus.errors``, ``detail`` its message."""

    type: str
    title: str
    status: int
    detail: str


def problem_of(error: BaseException, status: int | None = None) -> Problem:
    """The problem that an error is; what is not ours is a 500 and named by its class."""
    found = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    name = type(error).__name__ if isinstance(error, RetinueError) else "InternalError"
    detail = str(error) if isinstance(error, RetinueError) else f"{type(error).__name__}: {error}"
    return Problem(f"urn:retinue:problem:{_dashed(name)}", name, status or found, detail)


def _dashed(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()

"""What an agent raised, as words that can be written down. Pure."""

from __future__ import annotations

import math
import traceback

import msgspec

from retinue.bus.errors import Denied, InvalidInput, ResultTooLarge, TaskCancelled, UnknownTool

__all__ = [
    "MAX_CAUSE",
    "MAX_TRACEBACK",
    "Failure",
    "describe",
    "message_of",
    "one_line",
    "retry_after",
]

MAX_CAUSE = 2_000
MAX_TRACEBACK = 4_000
MAX_RETRY_AFTER = 3_600.0
_FRAMES = 6
_HOPELESS = (Denied, InvalidInput, ResultTooLarge, TaskCancelled, UnknownTool)


class Failure(msgspec.Struct, frozen=True):
    """The name of an error's type, its message on one line, and whether to try again.

    ``retry_after`` is in seconds; ``traceback`` holds the last frames.
    """

    kind: str
    cause: str
    retry: bool = True
    retry_after: float | None = None
    traceback: str = ""


def describe(error: BaseException) -> Failure:
    """The words for ``error``, which may lie about itself in every method."""
    return Failure(
        kind=type(error).__name__,
        cause=one_line(message_of(error)),
        retry=not isinstance(error, _HOPELESS),
        retry_after=retry_after(error),
        traceback=_last_frames(error),
    )


def one_line(text: str) -> str:
    """``text`` on one line, at most ``MAX_CAUSE`` characters, with nothing a terminal obeys."""
    # Cut first: an agent may raise with a message of a gigabyte.
    words = " ".join(text[: 2 * MAX_CAUSE].split())
    clean = "".join(c if c.isprintable() else "�" for c in words)
    return clean if len(clean) <= MAX_CAUSE else clean[: MAX_CAUSE - 1] + "…"


def message_of(error: BaseException) -> str:
    """``str(error)``, or why that cannot be had."""
    try:
        return str(error)
    except BaseException as worse:  # noqa: BLE001 - the agent's own __str__ may raise anything
        return f"(its message cannot be shown: __str__ raised {type(worse).__name__})"


def retry_after(error: BaseException) -> float | None:
    """What the error's own ``retry_after`` says, when that is a sensible number of seconds."""
    try:
        seconds = float(getattr(error, "retry_after", None))  # type: ignore[arg-type]
    except BaseException:  # noqa: BLE001 - the attribute is the agent's own code
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if math.isfinite(seconds) else None


def _last_frames(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(error, limit=-_FRAMES, chain=False)
    except BaseException as worse:  # noqa: BLE001 - it calls the agent's own __str__
        return f"(no traceback: formatting it raised {type(worse).__name__})"
    text = "".join(lines)[-MAX_TRACEBACK:]
    return text.encode("utf-8", "replace").decode()

"""Tool calls. ``tool.called`` is committed before the tool runs."""

from __future__ import annotations

from msgspec import Raw

from .base import Event

__all__ = ["ToolCalled", "ToolOutput", "ToolProgress", "ToolRecalled", "ToolReturned"]


class ToolCalled(Event, frozen=True, tag="tool.called"):
    """A call begins; ``call`` joins it to its ``tool.returned``. ``effect``: none|idempotent|once.

    ``effect_id`` names the effect of a ``once`` call: the same in every attempt at its task.
    ``rule`` is the operator's rule that decided on it, where there is a policy. A call that a plugin
    makes belongs to no task: ``via`` says on whose behalf it is, as ``plugin:x``, ``agent:y``, ``task:z``.
    """

    call: str
    tool: str
    args: Raw
    effect: str = "none"
    effect_id: str = ""
    rule: str = ""
    via: tuple[str, ...] = ()


class ToolProgress(Event, frozen=True, tag="tool.progress"):
    """How far a call is, ``done`` of ``total`` (0: unknown)."""

    call: str
    tool: str
    done: float
    total: float = 0.0
    note: str = ""


class ToolOutput(Event, frozen=True, tag="tool.output"):
    """A piece of a call's output, before its end."""

    call: str
    tool: str
    value: Raw


class ToolRecalled(Event, frozen=True, tag="tool.recalled"):
    """An effect that an earlier attempt had was not repeated: its recorded result was given."""

    tool: str
    effect_id: str


class ToolReturned(Event, frozen=True, tag="tool.returned"):
    """A call ended: with ``result``, or with ``error`` (``Kind: message``) and ``ok`` false.

    ``unknown`` says that nobody knows whether its effect took place: it was cut off.
    """

    call: str
    tool: str
    ok: bool
    seconds: float
    result: Raw = Raw(b"null")
    error: str = ""
    summary: str = ""
    unknown: bool = False

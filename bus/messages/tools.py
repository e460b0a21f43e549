"""Tool calls. ``tool.called`` is committed before the tool runs."""

from __future__ import annotations

from msgspec import Raw

from .base import Event

__all__ = ["ToolCalled", "ToolProgress", "ToolReturned"]


class ToolCalled(Event, frozen=True, tag="tool.called"):
    """A call begins; ``call`` joins it to its ``tool.returned``. ``effect``: none|idempotent|once."""

    call: str
    tool: str
    args: Raw
    effect: str = "none"


class ToolProgress(Event, frozen=True, tag="tool.progress"):
    """How far a call is, ``done`` of ``total`` (0: unknown)."""

    call: str
    tool: str
    done: float
    total: float = 0.0
    note: str = ""


class ToolReturned(Event, frozen=True, tag="tool.returned"):
    """A call ended: with ``result``, or with ``error`` (``Kind: message``) and ``ok`` false."""

    call: str
    tool: str
    ok: bool
    seconds: float
    result: Raw = Raw(b"null")
    error: str = ""
    summary: str = ""

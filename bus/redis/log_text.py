"""What the ``live-logs`` dialect shows of a call and of what it returned. Pure."""

from __future__ import annotations

__all__ = ["DONE", "call_text", "result_text"]

DONE = "Operation complete."
"""Shown of a result that is nothing."""

_ARGS_SHOWN = 50
_RESULT_SHOWN = 100


def call_text(tool: str, args: str) -> str:
    """The call, with what there is room for of its arguments as JSON."""
    return f"{tool}({args[:_ARGS_SHOWN]})"


def result_text(result: str) -> str:
    """The result's text, cut."""
    if not result:
        return DONE
    return result if len(result) <= _RESULT_SHOWN else result[:_RESULT_SHOWN] + "..."

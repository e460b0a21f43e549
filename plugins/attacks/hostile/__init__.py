"""A plugin that tries what it must not. Copied into a folder of its own, and granted nothing.

Each attack is a function that returns what it gained, or raises what it was refused with.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from retinue.plugins import ToolContext, tool

from . import files, memory, network, processes

__all__ = ["attempt"]

_ATTACKS: dict[str, Callable[[dict[str, Any]], object]] = {
    **files.ATTACKS,
    **memory.ATTACKS,
    **network.ATTACKS,
    **processes.ATTACKS,
}


@tool
def attempt(ctx: ToolContext, name: str, told: dict[str, Any]) -> dict[str, Any]:
    """Try one attack: ``gained`` is empty when it was refused, ``said`` how."""
    told["ask"] = ctx.host.wait
    try:
        gained = _ATTACKS[name](told)
    except (OSError, MemoryError, RuntimeError, ValueError, ImportError) as error:
        number = getattr(error, "errno", None)
        said = errno.errorcode.get(number, "") if isinstance(number, int) else ""
        return {"gained": "", "said": said or f"{type(error).__name__}: {error}"}
    return {"gained": str(gained or ""), "said": "nothing gained"}

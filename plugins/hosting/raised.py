"""What a plugin's process says went wrong, as an error of ours."""

from __future__ import annotations

from typing import Any

import msgspec

from retinue.bus.errors import PluginError, RetinueError

from ..host.faults import Fault as Known
from ..host.faults import unpack
from ..protocol.frames import Fault
from .output import escaped

__all__ = ["raised"]

_RAISED = {"InvalidInput", "NotFound", "UnknownTool", "Unavailable", "ToolError", "PluginError"}
_RAISED |= {"DeadlineExceeded", "Denied", "ResultTooLarge", "OutcomeUnknown", "ModelRefused"}
"""Errors that a plugin may raise as such; any other might be taken for the kernel's own."""


def raised(fault: Fault) -> BaseException:
    """The error of a fault, whatever stands in it. Pure."""
    try:
        if fault.kind not in _RAISED:
            return RetinueError(f"{escaped(fault.kind)}: {escaped(fault.message)}")
        fields = msgspec.json.decode(fault.fields, type=dict[str, Any])
        return unpack(Known(fault.kind, escaped(fault.message), fields))
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError):
        return PluginError(f"{escaped(fault.kind)}: {escaped(fault.message)}")

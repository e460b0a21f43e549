"""Letting the kernel and the operator's own programs run before a plugin that has much to do."""

from __future__ import annotations

import ctypes
import os
import struct
from contextlib import suppress
from pathlib import Path

__all__ = ["STEPS", "give_way"]

STEPS = 5
"""So much lower than the kernel: a third of what the kernel gets, where both want a whole processor."""
_LOWEST = 19
_SLICE = 100_000
"""Nanoseconds that it runs at a time while another waits; up to 4 ms, the clock's tick, otherwise.

From Linux 6.12 on (``sched_setattr(2)``); an earlier one takes the number and passes over it.
"""
_SET_ATTRIBUTES = {"x86_64": 314, "aarch64": 274}
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")
_SCHED_OTHER = 0


def give_way(pid: int) -> None:
    """Lower a process of ours that has just been started, with all that it will start.

    It may have ended already. A session has a group of its own that Linux weighs as one: the
    number counts only inside of it, so the group is lowered, too. Without privileges Linux lets
    that be done ten times a second; a plugin that comes sooner keeps its group's weight.
    """
    lower = min(os.getpriority(os.PRIO_PROCESS, 0) + STEPS, _LOWEST)
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, lower)
    if (number := _SET_ATTRIBUTES.get(os.uname().machine)) is not None:
        wanted = (_ATTRIBUTES.size, _SCHED_OTHER, 0, lower, 0, _SLICE, 0, 0)
        # Where the system forbids it, the priority alone has to do.
        ctypes.CDLL(None).syscall(number, pid, _ATTRIBUTES.pack(*wanted), 0)
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(lower))

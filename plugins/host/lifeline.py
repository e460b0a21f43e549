"""What a child does to itself before anything else: it dies with its parent, and has bounds."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

__all__ = ["bound", "die_with"]

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Be killed when the thread that started this process ends, ``parent`` being its process.

    The kernel of Linux does that, also after a ``kill -9`` of the parent. Elsewhere the end of
    the channel is what a child notices.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before prctl could see to that
        os._exit(1)


def bound(memory: int) -> None:
    """At most ``memory`` bytes of address space (0: no bound), and no core files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

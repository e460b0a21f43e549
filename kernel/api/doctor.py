"""How the kernel's process and its host are."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from retinue.bus.views import JournalView

from ..checks import running
from ..findings import Finding
from .router import Call, Route

__all__ = ["Doctor", "routes"]

FRESH = 30.0
"""Seconds for which findings are told again."""
_STATM = Path("/proc/self/statm")


class Diagnosis(msgspec.Struct, frozen=True):
    """What the checks found, ``at`` seconds since the epoch; each is tried anew after 30 seconds."""

    at: float
    findings: tuple[Finding, ...]


class Process(msgspec.Struct, frozen=True):
    """The kernel's process: ``memory`` is what it holds in bytes, ``cpu`` what it used in seconds."""

    pid: int
    memory: int
    cpu: float
    threads: int


class Doctor:
    """Tries the checks, once at a time and not too often. Any thread may ask."""

    def __init__(self, check: Callable[[Call], list[Finding]] | None = None) -> None:
        """``check`` takes tenths of a second."""
        self._check = check or _checked
        self._lock = threading.Lock()
        self._last: Diagnosis | None = None

    def diagnose(self, call: Call) -> Diagnosis:
        """What `retinue doctor` finds, of this kernel and the host that it runs on.

        It names files and folders, and so is for who may administer the kernel.
        """
        with self._lock:
            now = call.kernel.clock.time()
            if self._last is None or not 0 <= now - self._last.at < FRESH:
                self._last = Diagnosis(now, tuple(self._check(call)))
            return self._last


def _checked(call: Call) -> list[Finding]:
    kernel = call.kernel
    kept: JournalView = kernel.journal.view()
    return running(kernel.config, kept, kernel.status().bus)


def process(_: Call) -> Process:
    """What the kernel's process takes of its host."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Process(
        os.getpid(), _memory(used), used.ru_utime + used.ru_stime, threading.active_count()
    )


def _memory(used: resource.struct_rusage) -> int:
    try:
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    except OSError:  # no Linux: the most that it ever held is all that there is to tell
        return used.ru_maxrss * 1024


def routes() -> tuple[Route, ...]:
    """With findings of their own."""
    return (
        Route("GET", "/v1/doctor", Doctor().diagnose, role="admin"),
        Route("GET", "/v1/process", process, role="viewer"),
    )

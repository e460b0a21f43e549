"""Events on their way to observers, beside bare redis-py."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from retinue.bus.redis.private import PrivateServer
from retinue.bus.redis.server import find_binaries

sys.path.insert(0, str(Path(__file__).resolve().parent))  # the parts share what they read with

PARTS = {"rate": True, "delay": True, "crowd": True, "away": False}
"""And which of them are disturbed by every other program that wants a processor."""


def run(report: Any) -> None:
    """Every figure of observers; ``report`` is a ``report.Report``."""
    binary = next(find_binaries(), None)
    if binary is None:
        raise SystemExit("no Redis to mirror to: install retinue[daemon]")
    report.note("threads that want a processor before it begins", os.getloadavg()[0], "")
    for part, disturbed in PARTS.items():
        first = disturbed and not report.quick and _go_first()
        if disturbed:
            report.note(f"{part}: scheduled before other programs", int(first), "")
        server = PrivateServer(binary)
        server.start()
        try:
            importlib.import_module(f"observers_{part}").run(report, server)
        finally:
            server.stop()
            if first:
                os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _go_first() -> bool:
    """Ask to be scheduled before other programs, also what is started from here on."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except (PermissionError, AttributeError):
        return False
    return True

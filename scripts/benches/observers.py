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

PARTS = ("rate", "delay", "crowd", "away")


def run(report: Any) -> None:
    """Every figure of observers; ``report`` is a ``report.Report``."""
    binary = next(find_binaries(), None)
    if binary is None:
        raise SystemExit("no Redis to mirror to: install retinue[daemon]")
    report.note("threads that want a processor before it begins", os.getloadavg()[0], "")
    for part in PARTS:
        server = PrivateServer(binary)
        server.start()
        try:
            importlib.import_module(f"observers_{part}").run(report, server)
        finally:
            server.stop()

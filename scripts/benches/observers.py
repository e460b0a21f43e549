"""Events on their way to observers, beside bare redis-py."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from retinue.bus.redis.private import PrivateServer
from retinue.bus.redis.server import find_binaries


def run(report: Any) -> None:
    """Every figure of observers; ``report`` is a ``report.Report``."""
    binary = next(find_binaries(), None)
    if binary is None:
        raise SystemExit("no Redis to mirror to: install retinue[daemon]")
    server = PrivateServer(binary)
    server.start()
    try:
        _part("display").run(report, server.url)
    finally:
        server.stop()


def _part(name: str) -> ModuleType:
    path = Path(__file__).with_name(f"observers_{name}.py")
    spec = importlib.util.spec_from_file_location(f"bench_observers_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module

"""Sandboxed plugins: their calls beside a bare echo, their starts beside bare ones, their memory."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from retinue.plugins.sandbox.given import Given
from retinue.plugins.sandbox.levels import missing
from retinue.plugins.sandbox.probe import probe

sys.path.insert(0, str(Path(__file__).resolve().parent))  # the parts share what they start

TWICE = ("calls", "kernel")
"""Measured twice: wherever Linux puts the two ends, and with both on one processor.

Both targets are the same. The first depends on where processes happen to be: waking one on another
processor that idles costs 20 to 30 µs here each way, of an echo that takes 17 where both share one.
The second is what the work takes.
"""


def run(report: Any) -> None:
    """Every figure of plugins; ``report`` is a ``report.Report``."""
    report.note("threads that want a processor before it begins", os.getloadavg()[0], "")
    given = probe()
    lacking = missing("standard", given)
    if lacking:
        name, layer = lacking[0]
        report.progress(f"left out: this host does not give {name}: {layer.remedy}")
    else:
        for part in TWICE:
            _part(part, report, given, together=False)
        with importlib.import_module("plugins_den").one_processor():
            for part in TWICE:
                _part(part, report, given, together=True)
        _part("starts", report, given)
    importlib.import_module("plugins_mcp").run(report)


def _part(part: str, report: Any, given: Given, **how: bool) -> None:
    with _folder() as folder:
        importlib.import_module(f"plugins_{part}").run(report, given, folder, **how)


@contextmanager
def _folder() -> Iterator[Path]:
    """For plugins; what was taken in is read-only, and has to be removed all the same."""
    with tempfile.TemporaryDirectory(prefix="bench-plugins-") as name:
        folder = Path(name)
        try:
            yield folder
        finally:
            for inner in [path for path in folder.rglob("*") if path.is_dir()]:
                inner.chmod(0o700)

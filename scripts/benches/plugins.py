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
"""Measured twice: scheduled as every program is, and before all others. The first is what the targets
of medians are for; scheduled first a process wakes another on the other processor, which costs a bare
echo three times as much and a call less than twice. The second keeps the machine's load out of a p99.
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
            _part(part, report, given, alone=False)
        first = not report.quick and _go_first()
        report.note("scheduled before other programs from here on", int(first), "")
        for part in TWICE if first else ():
            _part(part, report, given, alone=True)
        _part("starts", report, given, alone=first)
        if first:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    importlib.import_module("plugins_mcp").run(report)


def _part(part: str, report: Any, given: Given, *, alone: bool) -> None:
    with _folder() as folder:
        importlib.import_module(f"plugins_{part}").run(report, given, folder, alone=alone)


def _go_first() -> bool:
    """Ask to be scheduled before other programs, also what is started from here on."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except (PermissionError, AttributeError):
        return False
    return True


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

"""What the kernel's process holds while Redis is stopped, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from typing import Any

from observers_readers import REFERENCES, WAIT

from retinue.bus.redis.private import PrivateServer

EVENTS = 30_000


def run(report: Any, server: PrivateServer) -> None:
    """Beside the same events with Redis there."""
    events = 2_000 if report.quick else EVENTS
    report.progress(f"Redis stopped for {events} events of 1 kB")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        script = str(REFERENCES / "away.py")
        command = [sys.executable, script, server.url, str(server.pid), folder, str(events)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=WAIT)
    there, away, dropped = map(float, done.stdout.split())
    report.note(f"memory grows over {events:,} events of 1 kB, Redis there", there, "MB")
    report.at_most("the same with Redis stopped", away, 32.0, "MB")
    report.at_most("events dropped, which the journal has not", int(dropped), 0, "")

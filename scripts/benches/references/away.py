"""A kernel with a journal on the disk that goes on while Redis is stopped; prints what that holds.

``python away.py URL PID FOLDER EVENTS``: megabytes by which the process grows over the events, at its
largest, once with Redis there and once with process ``PID`` stopped.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from retinue.kernel import Kernel
from retinue.plugins import Context, agent

TEXT = "x" * 1_000
WAIT = 120.0


@agent
async def thinks(ctx: Context, count: int) -> None:
    """Many long thoughts, faster than anybody reads."""
    import asyncio

    for number in range(count):
        ctx.thought(TEXT)
        if number % 100 == 99:
            await asyncio.sleep(0.01)


def main() -> None:
    """Both, one after the other."""
    url, pid, folder, events = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    with Kernel("bench-away", url, folder) as kernel:
        kernel.spawn("thinks", thinks)
        grown(kernel, events)
        there = grown(kernel, events)
        os.kill(pid, signal.SIGSTOP)
        try:
            away = grown(kernel, events)
        finally:
            os.kill(pid, signal.SIGCONT)
        bus = kernel.status().bus
        _settled(kernel)
        print(there, away, bus.dropped)


def grown(kernel: Kernel, events: int) -> float:
    """Megabytes at the largest, over what there was before."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the mark goes down to now
    before = _kilobytes("VmRSS")
    kernel.submit("thinks", {"count": events}).result(timeout=WAIT)
    return (_kilobytes("VmHWM") - before) / 1000


def _settled(kernel: Kernel) -> None:
    pause = threading.Event()
    for _ in range(1200):
        if kernel.status().bus.state == "live" and not kernel.status().bus.pending:
            return
        pause.wait(0.05)


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()

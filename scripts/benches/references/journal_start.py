"""A kernel on a state folder; prints when it was ready, and the megabytes it holds.

One line: seconds on the machine's monotonic clock, MB now, and MB at the highest.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from retinue.kernel import Kernel


def main() -> None:
    """Start, take the time, do a task, measure, print."""
    with Kernel(state_dir=sys.argv[1]) as kernel:
        ready = time.monotonic()
        kernel.submit("echo", {"text": "hello"}).result(timeout=60)
        print(ready, _megabytes("VmRSS"), _megabytes("VmHWM"))


def _megabytes(field: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024 / 1e6


if __name__ == "__main__":
    main()

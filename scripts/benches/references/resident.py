"""A kernel with so many agents; prints the megabytes that the whole process holds."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from retinue.kernel import Kernel
from retinue.plugins import Context, agent


@agent
async def idle(_: Context, text: str) -> str:
    """An agent that waits for work."""
    return text


def main() -> None:
    """Spawn, have the last one do something, measure, print."""
    count = int(sys.argv[1])
    with Kernel() as kernel:
        for number in range(count):
            kernel.spawn(f"idle-{number}", idle)
        kernel.submit(f"idle-{count - 1}", {"text": "hello"}).result(timeout=60)
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        print(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


if __name__ == "__main__":
    main()

"""Ends what the plugins of a killed kernel have started: ``python -I -S -B keeper.py KERNEL FOLDER``.

``KERNEL`` is an inherited pidfd of the kernel's process, and ``FOLDER`` the cgroup of its plugins. One
byte on stdout says that it keeps watch. It imports nothing that Python has not loaded anyway: it
waits for as long as the kernel runs, and has to be able to act when nothing else is.
"""

from __future__ import annotations

import os
import select
import signal
import sys

_SECONDS = 5.0
"""For Linux to take away what was killed; it needs milliseconds."""
_PASSED_OVER = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""A stop that is meant for the kernel: it drains, and ends this process last."""


def main(kernel: int, folder: str) -> None:
    """Wait for the kernel's end, by whatever; then end what is in the cgroup, and remove it."""
    for number in _PASSED_OVER:
        signal.signal(number, signal.SIG_IGN)
    _say_so()
    watch = select.poll()
    watch.register(kernel, select.POLLIN)
    watch.poll()
    try:
        _kill(folder)
        _await_empty(folder)
        _remove(folder)
    except OSError:  # the kernel has removed it, or its next start does
        return


def _say_so() -> None:
    try:
        os.write(1, b"K")
    except BrokenPipeError:  # the kernel has been killed meanwhile
        return


def _kill(folder: str) -> None:
    with open(f"{folder}/cgroup.kill", "w", encoding="ascii") as file:  # noqa: PTH123 - no import
        file.write("1")


def _await_empty(folder: str) -> None:
    with open(f"{folder}/cgroup.events", "rb", buffering=0) as events:  # noqa: PTH123
        watch = select.poll()
        watch.register(events, select.POLLPRI)
        while b"populated 1" in events.read() and watch.poll(1000 * _SECONDS):
            events.seek(0)


def _remove(folder: str) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        os.rmdir(place)  # noqa: PTH106


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

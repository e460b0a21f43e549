"""A thread that was left behind, because an exception that was raised into it did not end it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from .strike import absorb, strike

__all__ = ["Straggler"]


class Straggler:
    """Struck again for as long as it runs Python: an exception may have landed where it is dropped.

    Python drops it in a finaliser, and in a callback of the garbage collector or of a weak reference.
    A thread that waits in C is left alone: an exception that waits for it would slow all others.
    """

    def __init__(self, thread: threading.Thread, holder: Callable[[], object]) -> None:
        """``holder`` says whose code runs there; only one who stays is struck, ``None`` never is."""
        self._thread = thread
        self._holder = holder
        self._held: object = None
        self._used = 0
        self._struck = False

    def look(self) -> None:
        """Strike it if it works and stays; to be called now and then. Any other thread."""
        self.let_be()
        held, used = self._holder(), _processor_time(self._thread)
        if held is not None and held is self._held and used > self._used:
            self._struck = strike(self._thread.ident or 0)
        self._held, self._used = held, used

    def let_be(self) -> None:
        """Take back what has not been raised there."""
        if self._struck:
            self._struck = False
            absorb(self._thread.ident or 0)


def _processor_time(thread: threading.Thread) -> int:
    """Ticks of 10 ms. Python's own way to a thread's clock crashes for one that has just ended."""
    try:
        told = Path(f"/proc/self/task/{thread.native_id}/stat").read_text(encoding="utf-8")
        return sum(map(int, told.rpartition(")")[2].split()[11:13]))  # see proc(5)
    except (OSError, ValueError):
        return 0

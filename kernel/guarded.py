"""A stream to a terminal or a log file that shows no secret, whoever writes to it."""

from __future__ import annotations

import atexit
import sys
import threading
from typing import Any, TextIO, cast

from retinue.bus.redact import Secrets, StreamRedactor

__all__ = ["Guarded", "guard_output"]


class Guarded:
    """Writes on to ``stream`` with secrets replaced, also those that several writes make up.

    Any thread may write. What may be the beginning of a secret waits for the next write, and is
    not shown by ``flush``: only ``release`` tells the rest.
    """

    def __init__(self, stream: TextIO, secrets: Secrets) -> None:
        """All that is not said here is as it is with ``stream``."""
        self._stream = stream
        self._redactor = StreamRedactor(secrets)
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """As a stream does; returns the length of ``text``."""
        with self._lock:
            self._stream.write(self._redactor.feed(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """As a stream does."""
        for line in lines:
            self.write(line)

    def release(self) -> None:
        """Write what was held back: no more follows."""
        with self._lock:
            self._stream.write(self._redactor.flush())
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_output(secrets: Secrets) -> None:
    """Guard stdout and stderr until the process ends; for a process of our own only.

    Tracebacks of threads, warnings and what agents print go there without passing any log.
    """
    for name in ("stdout", "stderr"):
        guarded = Guarded(getattr(sys, name), secrets)
        atexit.register(guarded.release)
        setattr(sys, name, cast("TextIO", guarded))

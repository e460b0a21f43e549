"""What a plugin's process writes on stdout and stderr: escaped, capped, and never trusted."""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["Drain", "escaped"]

_READ = 16 * 1024
_LONGEST = 2_000
_MINUTE = 60.0


class Drain:
    """Empties one pipe. ``write`` gets a line at a time; a plugin that floods is cut and counted."""

    def __init__(
        self,
        descriptor: int,
        bytes_a_minute: int,
        write: Callable[[str], None],
        monotonic: Callable[[], float],
    ) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._allowed = bytes_a_minute
        self._write = write
        self._monotonic = monotonic
        self._began = monotonic()
        self._taken = 0
        self._line = b""
        self.dropped = 0
        """Bytes that were over the bound."""

    def read(self) -> bool:
        """Take what is there; false once the pipe has ended."""
        try:
            data = os.read(self._descriptor, _READ)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self._flush(self._line)
            self._line = b""
            return False
        *lines, self._line = (self._line + self._within(data)).split(b"\n")
        for line in lines:
            self._flush(line)
        if len(self._line) > _LONGEST:
            self._flush(self._line)
            self._line = b""
        return True

    def _within(self, data: bytes) -> bytes:
        now = self._monotonic()
        if now - self._began >= _MINUTE:
            self._began, self._taken = now, 0
        left = max(0, self._allowed - self._taken)
        self._taken += len(data)
        self.dropped += max(0, len(data) - left)
        return data[:left]

    def _flush(self, line: bytes) -> None:
        if line.strip():
            self._write(escaped(line.decode("utf-8", "replace")))


def escaped(text: str) -> str:
    """One line with nothing that a terminal obeys, cut."""
    clean = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:_LONGEST])
    return clean if len(text) <= _LONGEST else clean + "…"

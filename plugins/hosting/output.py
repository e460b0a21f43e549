"""What a plugin's process writes on stdout and stderr: escaped, capped, and never trusted."""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["Budget", "Drain", "escaped"]

_READ = 16 * 1024
_LONGEST = 2_000
_MINUTE = 60.0


class Budget:
    """Bytes that may be written in each minute."""

    def __init__(
        self,
        bytes_a_minute: int,
        monotonic: Callable[[], float],
        over: Callable[[], None] = lambda: None,
    ) -> None:
        """``over`` is called once in each minute in which there is more."""
        self._allowed = bytes_a_minute
        self._monotonic = monotonic
        self._over = over
        self._began = monotonic()
        self._taken = 0
        self.dropped = 0
        """Bytes that were over the bound."""

    @property
    def spent(self) -> bool:
        """Whether this minute's bytes are used up."""
        return self._taken >= self._allowed

    def take(self, size: int) -> int:
        """How many of so many bytes are within the bound."""
        now = self._monotonic()
        if now - self._began >= _MINUTE:
            self._began, self._taken = now, 0
        before = self._taken
        left = max(0, self._allowed - before)
        self._taken += size
        self.dropped += max(0, size - left)
        if before <= self._allowed < self._taken:
            self._over()
        return min(size, left)


class Drain:
    """Empties one pipe. ``write`` gets a line at a time; a plugin that floods is cut and counted."""

    def __init__(
        self,
        descriptor: int,
        bytes_a_minute: int,
        write: Callable[[str], None],
        monotonic: Callable[[], float],
        over: Callable[[], None] = lambda: None,
    ) -> None:
        """``over`` is as for its ``Budget``."""
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self.budget = Budget(bytes_a_minute, monotonic, over)
        """What it may write, and how much was over that."""
        self._write = write
        self._line = b""

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
        within = data[: self.budget.take(len(data))]
        *lines, self._line = (self._line + within).split(b"\n")
        for line in lines:
            self._flush(line)
        if len(self._line) > _LONGEST:
            self._flush(self._line)
            self._line = b""
        return True

    def _flush(self, line: bytes) -> None:
        if line.strip():
            self._write(escaped(line.decode("utf-8", "replace")))


def escaped(text: str) -> str:
    """One line with nothing that a terminal obeys, cut."""
    if text.isprintable() and len(text) <= _LONGEST:
        return text
    clean = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:_LONGEST])
    return clean if len(text) <= _LONGEST else clean + "…"

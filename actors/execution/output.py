"""What an agent's process prints, as lines for the log, within bounds. Pure."""

from __future__ import annotations

from retinue.plugins.host.failures import one_line

__all__ = ["Output"]

_LINE = 1_000
_BUDGET = 64 << 10
_WINDOW = 10.0


class Output:
    """Bytes in, in any pieces; lines out, at most 64 KiB of them in ten seconds.

    What is over that is counted, and the count is a line once there is room again.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._window = float("-inf")
        self._left = 0
        self._dropped = 0

    def feed(self, data: bytes, now: float) -> list[str]:
        """The lines that are whole, or too long to wait for their end; ``now`` in seconds."""
        *whole, rest = (self._rest + data).split(b"\n")
        if len(rest) > _LINE:
            whole, rest = [*whole, rest], b""
        self._rest = rest
        return self._admit(whole, now)

    def end(self, now: float) -> list[str]:
        """The line that was begun, and what was dropped."""
        rest, self._rest = self._rest, b""
        said = self._admit([rest], now)
        return [*said, *self._confess()]

    def _admit(self, lines: list[bytes], now: float) -> list[str]:
        said: list[str] = []
        if now - self._window >= _WINDOW:
            self._window, self._left = now, _BUDGET
            said += self._confess()
        for line in lines:
            if len(line) > self._left:
                self._dropped += len(line)
            elif text := one_line(line[:_LINE].decode("utf-8", "replace")):
                self._left -= len(line)
                said.append(text)
        return said

    def _confess(self) -> list[str]:
        dropped, self._dropped = self._dropped, 0
        return [f"({dropped:,} bytes of its output were dropped)"] if dropped else []

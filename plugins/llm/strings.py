"""The inside of a JSON string, decoded piece by piece."""

from __future__ import annotations

import re

__all__ = ["StringDecoder"]

_RUN = re.compile(r'[^"\\]*')
_SIMPLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LOST = "\ufffd"
_UNICODE = 6  # characters of \uXXXX


class StringDecoder:
    """Fed what follows an opening quote; ``done`` once the closing one was read.

    Holds at most one unfinished escape and one high surrogate between two feeds.
    """

    def __init__(self) -> None:
        """Start after the opening quote."""
        self._escape = ""
        self._high = ""
        self.done = False

    def feed(self, text: str, at: int = 0) -> tuple[str, int]:
        """Decode ``text`` from ``at``; the decoded text, and where reading stopped."""
        out: list[str] = []
        while at < len(text) and not self.done:
            at = self._escaped(text, at, out) if self._escape else self._plain(text, at, out)
        return "".join(out), at

    def _plain(self, text: str, at: int, out: list[str]) -> int:
        run = _RUN.match(text, at)
        end = run.end() if run else at
        if end > at:
            out.append(self._lone() + text[at:end])
        if end == len(text):
            return end
        if text[end] == "\\":
            self._escape = "\\"
        else:
            out.append(self._lone())
            self.done = True
        return end + 1

    def _escaped(self, text: str, at: int, out: list[str]) -> int:
        self._escape += text[at]
        if self._escape[1] != "u":
            out.append(self._lone() + _SIMPLE.get(self._escape[1], self._escape[1]))
            self._escape = ""
        elif len(self._escape) == _UNICODE:
            out.append(self._unit(self._escape[2:]))
            self._escape = ""
        return at + 1

    def _unit(self, digits: str) -> str:
        try:
            code = int(digits, 16)
        except ValueError:
            return self._lone() + _LOST
        if 0xD800 <= code < 0xDC00:
            lost, self._high = self._lone(), chr(code)
            return lost
        if 0xDC00 <= code < 0xE000:
            return self._pair(chr(code)) if self._high else _LOST
        return self._lone() + chr(code)

    def _pair(self, low: str) -> str:
        high, self._high = self._high, ""
        return (high + low).encode("utf-16", "surrogatepass").decode("utf-16")

    def _lone(self) -> str:
        """A high surrogate that nothing completed."""
        lost, self._high = (_LOST, "") if self._high else ("", "")
        return lost

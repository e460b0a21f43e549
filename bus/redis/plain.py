"""Any value as plain data of bounded size, without calling any code of the value's own. Pure."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["TooMuch", "plain", "plain_text"]

_NODES = 5_000
_CHARACTERS = 40_000
_DEPTH = 24
_INT64 = 2**63


class TooMuch(Exception):
    """There is more of it than is sent."""


def plain(value: Any) -> Any:
    """A copy of dicts, lists, texts and numbers; of anything else the name of its type.

    Numbers that JSON has no form for become ``null``, or text. Raises ``TooMuch``.
    """
    return _Copier().copy(value, 0)


def plain_text(text: Any) -> str:
    """A text that can be encoded: halves of surrogate pairs are replaced."""
    bare = str.__str__(text) if isinstance(text, str) else f"<{type(text).__name__}>"
    return bare if bare.isascii() else bare.encode("utf-8", "replace").decode()


class _Copier:
    def __init__(self) -> None:
        self._nodes = _NODES
        self._characters = _CHARACTERS

    def copy(self, value: Any, depth: int) -> Any:
        self._nodes -= 1
        if self._nodes < 0 or depth > _DEPTH:
            raise TooMuch
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int):
            bare = int.__int__(value)
            return bare if -_INT64 <= bare < _INT64 else f"<{bare.bit_length()} bits>"
        if isinstance(value, float):
            bare_float = float.__float__(value)
            return bare_float if math.isfinite(bare_float) else None
        if isinstance(value, dict):
            return {self._text(key): self.copy(part, depth + 1) for key, part in dict.items(value)}
        if isinstance(value, list):
            return [self.copy(part, depth + 1) for part in list.__iter__(value)]
        if isinstance(value, tuple):
            return [self.copy(part, depth + 1) for part in tuple.__iter__(value)]
        return f"<{type(value).__name__}>"

    def _text(self, text: Any) -> str:
        length = str.__len__(text) if isinstance(text, str) else 64
        self._characters -= length
        if self._characters < 0:
            raise TooMuch
        return plain_text(text)

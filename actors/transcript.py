"""What is written down of a conversation with a model, with secrets replaced."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from retinue.bus.redact import Secrets, StreamRedactor

from .secrecy import Secrecy

__all__ = ["Transcript", "digest_of"]


class Transcript:
    """An answer in its pieces; a secret that they cut is found all the same. For one thread at a time."""

    def __init__(self, secrets: Secrets) -> None:
        """Nothing was said yet."""
        self._redactor = StreamRedactor(secrets)
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        """The next piece; the end of it may count with the one that follows."""
        self._pieces.append(self._redactor.feed(piece))

    def end(self) -> tuple[str, tuple[int, ...]]:
        """The whole text, and how many characters came in each piece."""
        if self._pieces:
            self._pieces[-1] += self._redactor.flush()
        return "".join(self._pieces), tuple(map(len, self._pieces))


def digest_of(asked: Any, secrecy: Secrecy) -> str:
    """Sixteen digits that stand for all that a model was asked."""
    body = msgspec.json.encode(asked, enc_hook=repr, order="sorted")
    return hashlib.blake2s(secrecy.value(body), digest_size=8).hexdigest()

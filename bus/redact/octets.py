"""Bytes that come in pieces: a secret that is cut by them is still found."""

from __future__ import annotations

from .redactor import ranges_in, replaced
from .secrets import Secrets
from .stream import possible_start

__all__ = ["BytesRedactor"]


class BytesRedactor:
    """For one body, on one thread at a time; it knows the few secrets that were sent for it.

    What may be the beginning of one is held back until the next piece tells.
    """

    def __init__(self, secrets: Secrets) -> None:
        """What is registered now counts; none: nothing is held back."""
        self._secrets = secrets
        self._index = secrets.stream_index()
        forms = self._index.forms.values()
        self._longest = max((len(form) for known in forms for form in known), default=0)
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """What can be said by now, secrets replaced."""
        if not self._longest:
            return piece
        data = self._without(self._held + piece)
        tail = data[-self._longest :]
        keep = len(data) - len(tail) + possible_start(tail, self._index)
        self._held = data[keep:]
        return data[:keep]

    def flush(self) -> bytes:
        """The rest of it."""
        data, self._held = self._without(self._held), b""
        return data

    def _without(self, data: bytes) -> bytes:
        suspects = self._secrets.suspects(data)
        return replaced(data, ranges_in(data, suspects)) if suspects else data

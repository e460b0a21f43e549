"""Dead letters: messages that no actor handled, each with the reason."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import msgspec

__all__ = ["DeadLetter", "DeadLetters"]


class DeadLetter(msgspec.Struct, frozen=True):
    """A message that was not handled. ``time`` is in seconds since the epoch."""

    message: Any
    recipient: str
    reason: str
    time: float


class DeadLetters:
    """The latest dead letters, and an exact count of all of them, by reason. Any thread."""

    def __init__(self, keep: int, listener: Callable[[DeadLetter], None] | None) -> None:
        """Keep the last ``keep``; ``listener`` gets each one, on the thread that found it."""
        self.latest: deque[DeadLetter] = deque(maxlen=keep)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._listener = listener

    def add(self, letter: DeadLetter) -> None:
        """Keep, count and tell of one more."""
        with self._lock:
            self._counts[letter.reason] += 1
            self.latest.append(letter)
        if self._listener is not None:
            self._listener(letter)

    def counts(self) -> dict[str, int]:
        """How many there were for each reason."""
        with self._lock:
            return dict(self._counts)

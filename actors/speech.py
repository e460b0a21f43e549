"""What an agent says piece by piece, with a secret that is cut by the pieces found all the same."""

from __future__ import annotations

import threading
from collections.abc import Callable

from retinue.bus.messages import AgentText
from retinue.bus.redact import Secrets, StreamRedactor

__all__ = ["Speech"]


class Speech:
    """The text of one turn. Any thread may use it; pieces keep their order."""

    def __init__(self, secrets: Secrets, say: Callable[[AgentText], None]) -> None:
        """``say`` gets each piece that may be seen."""
        self._redactor = StreamRedactor(secrets)
        self._say = say
        self._lock = threading.Lock()

    def add(self, delta: str) -> None:
        """The next piece; the end of it may be held back until more is known."""
        with self._lock:
            self._tell(self._redactor.feed(delta))

    def end(self) -> None:
        """Nothing more follows: tell what was held back."""
        with self._lock:
            self._tell(self._redactor.flush())

    def _tell(self, text: str) -> None:
        if text:
            self._say(AgentText(text))

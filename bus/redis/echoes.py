"""What the kernel itself published on a channel that it also listens to."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from ..envelope import Event
from .dialects import Dialect, Projected

__all__ = ["Echoes", "Noted"]

_KEEP = 32_768


class Echoes:
    """Remembers the newest payloads by their hash: about 100 bytes each. Any thread may use it.

    A hash is 64 bits, keyed anew in each process, so that nobody outside can make one that fits.
    """

    def __init__(self, keep: int = _KEEP) -> None:
        """``keep`` counts payloads."""
        self._keep = keep
        self._lock = threading.Lock()
        self._awaited: OrderedDict[int, bool] = OrderedDict()
        self._overrun = False

    def __len__(self) -> int:
        return len(self._awaited)

    def note(self, payload: bytes) -> None:
        """It is about to be published."""
        with self._lock:
            self._awaited[hash(payload)] = True
            self._awaited.move_to_end(hash(payload))
            if len(self._awaited) > self._keep:
                _, awaited = self._awaited.popitem(last=False)
                self._overrun = self._overrun or awaited

    def is_own(self, payload: bytes) -> bool:
        """Whether it was published here; it may come any number of times."""
        with self._lock:
            known = hash(payload) in self._awaited
            if known:
                self._awaited[hash(payload)] = False
            return known

    @property
    def overrun(self) -> bool:
        """Whether one was forgotten that did not come yet: what comes now may be one's own.

        The way out is a new subscription, which gets nothing of what was published before.
        """
        return self._overrun

    def subscribed(self) -> None:
        """A new subscription has begun: what was published before it does not come any more."""
        with self._lock:
            self._overrun = False
            for known in self._awaited:
                self._awaited[known] = False


class Noted:
    """A dialect whose messages are noted before they are published."""

    def __init__(self, dialect: Dialect, echoes: Echoes) -> None:
        """As ``dialect``."""
        self._project = dialect.project
        self._note = echoes.note

    def project(self, event: Event) -> Sequence[Projected]:
        """As the dialect projects it."""
        projected = self._project(event)
        for message in projected:
            self._note(message.payload)
        return projected

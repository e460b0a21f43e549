"""What is taken in of what programs outside publish, and what of it is not, counted. Pure."""

from __future__ import annotations

from collections import deque

from ..errors import InvalidInput
from ..messages import TelemetryDropped
from .bucket import Bucket
from .dialects.inbound import Told, read_log
from .echoes import Echoes
from .frames import TooLarge

__all__ = ["Intake"]

_WAITING = 2_000
_BYTES_A_SECOND = 4 << 20
_SAID_EVERY = 60.0
_EXAMPLE = 200

Counts = dict[str, int]


class Intake:
    """Sorts messages of one channel: one's own, what is taken, and what is dropped, and why.

    Used by one thread at a time.
    """

    def __init__(self, channel: str, rate: int, echoes: Echoes, waiting: int = _WAITING) -> None:
        """``rate`` messages a second, and as many at once; ``waiting`` may wait to be taken."""
        self._channel = channel
        self._echoes = echoes
        self._messages = Bucket(rate, rate)
        self._bytes = Bucket(_BYTES_A_SECOND, _BYTES_A_SECOND)
        self._waiting: deque[Told] = deque()
        self._bound = waiting
        self._counts: Counts = {}
        self._said: Counts = {}
        self._said_at: float | None = None
        self._example = ""
        self.taken = 0
        """Messages taken in so far."""
        self.own = 0
        """Messages of the kernel's own that came back so far."""

    @property
    def waiting(self) -> int:
        """How many were taken in and not yet handed on."""
        return len(self._waiting)

    @property
    def dropped(self) -> Counts:
        """By reason, so far; the reasons are the fields of ``TelemetryDropped``."""
        return dict(self._counts)

    def hear(self, message: bytes | TooLarge, now: float) -> bool:
        """Sort a message; tells whether it comes faster than may be. ``now``: monotonic seconds."""
        if isinstance(message, TooLarge):
            self.drop("too_large")
            return False
        if self._echoes.is_own(message):
            self.own += 1
            return False
        if not (self._messages.take(now) and self._bytes.take(now, len(message))):
            self.drop("flood")
            return True
        try:
            self._take(read_log(message))
        except InvalidInput as error:
            self._example = str(error)[:_EXAMPLE]
            self.drop("malformed")
        return False

    def drop(self, reason: str, count: int = 1) -> None:
        """Count what is not taken in."""
        if count:
            self._counts[reason] = self._counts.get(reason, 0) + count

    def take(self, most: int) -> list[Told]:
        """The oldest that wait, which wait no longer."""
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def to_say(self, now: float) -> TelemetryDropped | None:
        """What was dropped since this was asked last, once a minute at most."""
        if self._counts == self._said:
            return None
        if self._said_at is not None and now < self._said_at + _SAID_EVERY:
            return None
        since = {why: n - self._said.get(why, 0) for why, n in self._counts.items()}
        self._said, self._said_at = dict(self._counts), now
        example, self._example = self._example, ""
        return TelemetryDropped(self._channel, **since, example=example)

    def _take(self, told: Told) -> None:
        self.taken += 1
        self._waiting.append(told)
        if len(self._waiting) > self._bound:
            self._waiting.popleft()
            self.drop("unread")

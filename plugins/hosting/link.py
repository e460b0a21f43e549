"""The host's end of a process that speaks our frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from retinue.bus.clock import Clock

from ..protocol.frames import FromGuest
from ..protocol.rules import Rules
from ..protocol.wire import Reader
from ..sandbox.confined import Confined
from .wire import Wire, Witness

__all__ = ["Link", "Witness"]


class Link(Wire[FromGuest]):
    """Reads frames that the rules allow, from the channel."""

    def __init__(
        self,
        confined: Confined,
        rules: Rules,
        log_bytes: int,
        witness: Witness,
        clock: Clock,
        take: Callable[[FromGuest], None],
        over: Callable[[str], None],
    ) -> None:
        """As for ``Wire``."""
        reader = _Checked(rules)
        super().__init__(confined, confined.sock, reader, log_bytes, witness, clock, take, over)


class _Checked:
    """Frames that come when they may."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._reader: Reader[FromGuest] = Reader(FromGuest)

    @property
    def pending(self) -> int:
        return self._reader.pending

    def feed(self, data: bytes) -> Iterator[FromGuest]:
        for frame in self._reader.feed(data):
            self._rules.check(frame)
            yield frame

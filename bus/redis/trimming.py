"""Keeping the stream as long and as old as it may be, and saying whom that leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ..clock import Clock
from ..errors import CodecError
from ..messages import BusReaderPassed
from ..wire import parse

__all__ = ["Trimmer"]

_TOLD_FOR = 10.0
"""Seconds for which a reader that was told of is passed without a word."""
_NAME_SHOWN = 200
_SLACK = 64  # the stream may be longer than its bound by a part of this size, before it is trimmed
_FEWEST = 256

Command = Callable[..., Any]
Script = Callable[..., Any]
Report = Callable[[BusReaderPassed], None]


class Trimmer:
    """Used by the publishing thread. ``add`` costs an addition; ``trim`` is one round trip."""

    def __init__(
        self, stream: bytes, max_entries: int, max_age: float, clock: Clock, command: Command
    ) -> None:
        """``max_age`` is in seconds, 0 for any age; ``command`` sends one and gives its answer."""
        self._stream = stream
        self._max_entries = max_entries
        self._max_age = max_age
        self._clock = clock
        self._command = command
        self._added = self._step = max(min(_FEWEST, max_entries), max_entries // _SLACK)
        self._look_at = 0.0
        self._told: dict[bytes, float] = {}

    def __repr__(self) -> str:
        return f"<Trimmer {self._max_entries} events, {self._max_age:g} s, {self._added} more>"

    @property
    def due(self) -> bool:
        """Whether there may be something to trim."""
        aged = self._max_age and self._clock.time() >= self._look_at
        return bool(self._added >= self._step or aged)

    def add(self, count: int) -> None:
        """The stream got so many entries more."""
        self._added += count

    def trim(self, script: Script, report: Report) -> int:
        """Trim; readers that this passes are reported before. Returns how many entries went.

        ``script`` runs ``scripts.TRIM``.
        """
        bounds = (b"%d" % self._max_entries, b"%d" % self._oldest())
        answer = script(*bounds, b"0", *self._lately())
        if answer[0] < 0:
            for name, cursor in zip(answer[2::2], answer[3::2], strict=True):
                self._tell(name, int(cursor), int(answer[1]), report)
            answer = script(*bounds, b"1")
        self._added = 0
        return int(answer[0])

    def _tell(self, name: bytes, cursor: int, first: int, report: Report) -> None:
        self._told[name] = self._clock.monotonic()
        shown = name.decode(errors="replace")[:_NAME_SHOWN]
        report(BusReaderPassed(shown, cursor, first))

    def _lately(self) -> list[bytes]:
        since = self._clock.monotonic() - _TOLD_FOR
        self._told = {name: at for name, at in self._told.items() if at > since}
        return list(self._told)

    def _oldest(self) -> int:
        """The lowest ``seq`` that is young enough; 0 while all are, and the newest always stays."""
        now = self._clock.time()
        if not self._max_age or now < self._look_at:
            return 0
        self._look_at = now + max(1.0, self._max_age / 32)
        bound = now - self._max_age
        first, last = self._entry(b"-"), self._newest()
        if first is None or first.time > bound:
            return 0
        low, high = first.seq, last
        while low < high:
            found = self._entry(b"%d" % ((low + high) // 2))
            if found is None or found.time > bound:
                high = (low + high) // 2
            else:
                low = min(found.seq + 1, high)
        return low

    def _newest(self) -> int:
        answer = self._command(b"XREVRANGE", self._stream, b"+", b"-", b"COUNT", b"1")
        return int(answer[0][0].partition(b"-")[0]) if answer else 0

    def _entry(self, start: bytes) -> _Entry | None:
        answer = self._command(b"XRANGE", self._stream, start, b"+", b"COUNT", b"1")
        if not answer:
            return None
        entry, fields = answer[0]
        try:
            moment = parse(fields[3]).time
        except CodecError:
            moment = 0.0  # it is not ours, and not missed
        return _Entry(int(entry.partition(b"-")[0]), moment)


class _Entry(msgspec.Struct, frozen=True):
    seq: int
    time: float

"""What a process tells while it works: output, progress and lines for its log, each within bounds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import msgspec

from ..protocol.frames import Event, Log, Stream
from ..sandbox.cgroups import Exceeded
from .aside import Beside
from .calls import OpenCall
from .output import Budget, escaped
from .pace import Allowance

__all__ = ["Reports"]

_PROGRESS = 100.0
"""Reports of progress a second that are passed on, and at once."""
_STORM = 1_000
"""Reports that are passed over in a minute before that is told: many a loop reports each step."""


class Reports:
    """Passes them on. Under the lock of the process."""

    def __init__(self, log_bytes: int, witness: Beside, monotonic: Callable[[], float]) -> None:
        """``log_bytes`` may be written a minute."""
        self._witness = witness
        self._monotonic = monotonic
        log, storm = (
            partial(witness.exceeded, Exceeded(limit, action, 1, "host"))
            for limit, action in (("log_bytes", "log"), ("progress", "report progress"))
        )
        self._log = Budget(log_bytes, monotonic, log)
        self._progress = Allowance(_PROGRESS, _PROGRESS)
        self._passed_over = Budget(_STORM, monotonic, storm)

    def streamed(self, call: OpenCall, stream: Stream) -> None:
        """A piece of the output."""
        with suppress(msgspec.DecodeError, RecursionError):
            call.on_stream(msgspec.json.decode(stream.value))

    def progressed(self, call: OpenCall, event: Event) -> None:
        """More of it than anybody can follow is passed over, but for the last of a call."""
        last = 0 < event.total <= event.done
        if not self._progress.delay(self._monotonic()) or last:
            call.on_progress(event.done, event.total, escaped(event.note))
        else:
            self._passed_over.take(1)

    def logged(self, log: Log) -> None:
        """A line, unless there are too many."""
        if self._log.take(len(log.text) + 1) > len(log.text):
            self._witness.logged(escaped(log.level), escaped(log.text))

"""An agent's process: started behind its walls, listened to, and ended for certain.

All on the service's thread.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import msgspec

from retinue.bus.clock import Clock
from retinue.bus.errors import CodecError
from retinue.plugins.host.channel import Frames, frame
from retinue.plugins.host.frames import FromChild
from retinue.plugins.hosting.wire import Wire
from retinue.plugins.protocol.rules import Violation
from retinue.plugins.sandbox.cgroups import Exceeded
from retinue.plugins.sandbox.confined import Confined
from retinue.plugins.sandbox.notices import Refused

from .cells import Warden

__all__ = ["ChildProcess", "how_it_ended"]

_LOG_BYTES = 64 << 10
_MAX_WAITING = 32 << 20
_BY_SIGNAL = 128
"""What bubblewrap adds to the number of a signal."""


class ChildProcess:
    """One ``retinue.plugins.host.child``.

    ``took`` gets each of its messages and may raise ``Violation``, ``said`` a line of its output,
    ``there`` is called once it runs, and ``gone`` with how it ended, once, after all of those and
    when nothing of it is left.
    """

    def __init__(
        self,
        start: Callable[[], Confined],
        warden: Warden,
        clock: Clock,
        took: Callable[[FromChild], None],
        said: Callable[[str], None],
        there: Callable[[], None],
        gone: Callable[[str], None],
    ) -> None:
        """``start`` blocks, and is called on a thread of the loop's."""
        self._warden = warden
        self._clock = clock
        self._took = took
        self._said = said
        self._there = there
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._unsent: list[bytes] = []
        self.refusal: BaseException | None = None
        """Why it could not be started, where that was it."""
        self._why = ""
        self._confined: Confined | None = None
        self._wire: Wire[FromChild] | None = None
        self._starting = self._loop.run_in_executor(None, start)
        self._starting.add_done_callback(self._started)

    @property
    def pid(self) -> int:
        """Its process id; 0 until it runs."""
        return 0 if self._confined is None else self._confined.pid

    @property
    def level(self) -> str:
        """The level of its walls; empty until it runs."""
        return "" if self._confined is None else self._confined.level

    def send(self, message: msgspec.Struct) -> None:
        """Queue a frame; raises ``InvalidInput`` when it is too big."""
        data = frame(message)
        if self._wire is None:
            self._unsent.append(data)
        else:
            self._wire.write(data)

    def kill(self, why: str) -> None:
        """End it and all beneath it; ``gone`` is called when nothing is left. Safe to repeat."""
        if self._why:
            return
        self._why = why
        if self._confined is not None:
            self._strike(self._confined)

    def refused(self, call: Refused) -> None:
        """As ``Witness.refused``."""
        self._warden.refused(call)

    def violated(self, error: Violation | CodecError) -> None:
        """As ``Witness.violated``."""
        self._warden.violated(error)
        self.kill(f"was killed: it broke the protocol: {error}")

    def logged(self, stream: str, line: str) -> None:
        """As ``Witness.logged``."""
        self._said(line)

    def exceeded(self, bound: Exceeded) -> None:
        """As ``Witness.exceeded``."""
        self._warden.exceeded(bound)

    def ended(self, reason: str, seconds: float) -> None:
        """As ``Witness.ended``: here ``gone`` is told."""

    def _started(self, starting: asyncio.Future[Confined]) -> None:
        if starting.cancelled():  # the loop ends, and the thread that would have started it too
            return
        error = starting.exception()
        if error is not None:
            self.refusal = error
            self._gone(self._why or f"could not be started: {error}")
            return
        confined = self._confined = starting.result()
        if self._why:
            self._strike(confined)
            return
        confined.go()
        confined.sock.setblocking(False)
        reader: Frames[Any] = Frames(FromChild)
        self._wire = Wire(
            confined,
            confined.sock,
            reader,
            _LOG_BYTES,
            self,
            self._clock,
            self._took,
            self._over,
            _MAX_WAITING,
        )
        self._there()
        for data in self._unsent:
            self._wire.write(data)

    def _over(self, reason: str) -> None:
        """It closed its channel, or does not read; the exit status tells more."""
        assert self._confined is not None  # noqa: S101 - somebody closed the channel
        status = self._confined.wait(0)
        self.kill(f"was killed: {reason}" if status is None else how_it_ended(status))

    def _strike(self, confined: Confined) -> None:
        if self._wire is not None:
            self._wire.close()
            if self._wire.dropped:
                self._said(f"({self._wire.dropped:,} bytes of its output were dropped)")
        confined.strike()
        self._loop.run_in_executor(None, confined.kill).add_done_callback(self._struck)

    def _struck(self, done: asyncio.Future[float]) -> None:
        for bound in () if self._confined is None else self._confined.exceeded:
            self.exceeded(bound)
        left = None if done.cancelled() else done.exception()
        self._gone(self._why if left is None else f"{self._why}; {left}")


def how_it_ended(code: int) -> str:
    """In words, from what ``wait`` says. Pure."""
    number = -code if code < 0 else code - _BY_SIGNAL
    if number <= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(number).name}"
    except ValueError:
        return f"was killed by signal {number}" if code < 0 else f"exited with code {code}"

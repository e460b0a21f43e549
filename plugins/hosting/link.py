"""The host's end of one process: its channel, its refused calls and its pipes, on one loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import Protocol

from retinue.bus.clock import Clock
from retinue.bus.errors import CodecError

from ..protocol.frames import FromGuest
from ..protocol.rules import Rules, Violation
from ..protocol.wire import Reader
from ..sandbox import notices
from ..sandbox.confined import Confined
from .output import Drain, escaped

__all__ = ["Link", "Witness"]

FRAME_SECONDS = 2.0
"""From the first byte of a frame to its last."""
_READ = 64 * 1024
_MAX_WAITING = 4 << 20
"""Bytes that may wait for a plugin which does not read."""


class Witness(Protocol):
    """Who is told what happens to a process; on the loop's thread, and never to block."""

    def refused(self, call: notices.Refused) -> None:
        """A system call was refused."""

    def violated(self, error: Violation | CodecError) -> None:
        """The process broke the protocol, and is killed for it."""

    def logged(self, stream: str, line: str) -> None:
        """A line that it wrote."""

    def ended(self, reason: str, seconds: float) -> None:
        """It is gone, ``seconds`` after it was struck."""


class Link:
    """Reads frames that the rules allow, and writes. ``take`` gets each; ``over`` hears of the end.

    ``over`` is called with the reason when the process closed the channel, broke the protocol or
    does not read; it has to call ``close``, which lets go of everything but the process itself.
    """

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
        self._confined = confined
        self._rules = rules
        self._witness = witness
        self._take = take
        self._over = over
        self._loop = asyncio.get_running_loop()
        self._reader: Reader[FromGuest] = Reader(FromGuest)
        self._out = bytearray()
        self._late: asyncio.TimerHandle | None = None
        self._closed = False
        self._drains = {
            pipe: Drain(pipe, log_bytes, partial(witness.logged, name), clock.monotonic)
            for name, pipe in (("stdout", confined.stdout), ("stderr", confined.stderr))
        }
        self._readers: dict[int, Callable[[], None]] = {confined.sock.fileno(): self._read}
        self._readers |= {pipe: partial(self._drain, pipe) for pipe in self._drains}
        if confined.listener >= 0:
            self._readers[confined.listener] = self._notice
        for descriptor, read in self._readers.items():
            self._loop.add_reader(descriptor, read)

    def write(self, data: bytes) -> None:
        """Send, now or when the process reads; what it leaves unread is bounded."""
        if self._closed:
            return
        if len(self._out) + len(data) > _MAX_WAITING:
            self._over(f"it did not read, and over {_MAX_WAITING >> 20} MiB wait for it")
            return
        idle = not self._out
        self._out += data
        self._flush()
        if idle and self._out:
            self._loop.add_writer(self._confined.sock.fileno(), self._flush)

    def close(self) -> None:
        """Read what is left of the output, and let go of the descriptors."""
        if self._closed:
            return
        self._closed = True
        for drain in self._drains.values():
            drain.read()
        for descriptor in list(self._readers):
            self._ignore(descriptor)
        self._loop.remove_writer(self._confined.sock.fileno())
        if self._late is not None:
            self._late.cancel()

    def _read(self) -> None:
        """One piece at a time, so that a plugin which floods leaves time for the others."""
        try:
            data = self._confined.sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._over(self._last_words())
            return
        whole = False
        try:
            for frame in self._reader.feed(data):
                whole = True
                self._rules.check(frame)
                self._take(frame)
                if self._closed:
                    return
        except (CodecError, Violation) as error:
            self._violated(error)
            return
        self._time_frame(whole=whole)

    def _time_frame(self, *, whole: bool) -> None:
        """Count from the first byte of a frame: one that comes byte by byte gets no more time."""
        if self._late is not None and (whole or not self._reader.pending):
            self._late.cancel()
            self._late = None
        if self._reader.pending and self._late is None:
            slow = Violation(f"a frame was not whole {FRAME_SECONDS:g} s after its first byte")
            self._late = self._loop.call_later(FRAME_SECONDS, self._violated, slow)

    def _violated(self, error: CodecError | Violation) -> None:
        self._witness.violated(error)
        self._over(escaped(str(error)))

    def _notice(self) -> None:
        try:
            refused = notices.receive(self._confined.listener, os.uname().machine)
        except OSError:  # nobody has the filter any more: the process is on its way out
            self._ignore(self._confined.listener)
            return
        if refused is not None:
            notices.refuse(self._confined.listener, refused)
            self._witness.refused(refused)

    def _drain(self, pipe: int) -> None:
        if not self._drains[pipe].read():
            self._ignore(pipe)

    def _ignore(self, descriptor: int) -> None:
        if self._readers.pop(descriptor, None) is not None:
            self._loop.remove_reader(descriptor)

    def _flush(self) -> None:
        sock = self._confined.sock
        try:
            while self._out:
                del self._out[: sock.send(self._out)]
        except BlockingIOError:
            return
        except OSError:  # it is gone: the reader says so
            self._out.clear()
        self._loop.remove_writer(sock.fileno())

    def _last_words(self) -> str:
        status = self._confined.wait(0.2)
        if status is None:
            return "it closed its channel"
        return f"it was ended by signal {-status}" if status < 0 else f"it exited with {status}"

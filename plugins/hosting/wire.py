"""The host's end of one process, whatever it speaks: its socket, its refused calls, its pipes."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from signal import SIGSYS
from typing import Generic, Protocol, TypeVar

from retinue.bus.clock import Clock
from retinue.bus.errors import CodecError

from ..protocol.rules import Violation
from ..sandbox import notices
from ..sandbox.cgroups import Exceeded
from ..sandbox.confined import Confined
from .output import Drain, escaped
from .pace import Allowance

__all__ = ["FRAME_SECONDS", "Incoming", "Wire", "Witness"]

F = TypeVar("F")
F_co = TypeVar("F_co", covariant=True)

FRAME_SECONDS = 2.0
"""From the first byte of a frame to its last."""
_READ = 64 * 1024
_SLICE = 0.002
"""Seconds that the messages of one plugin are gone through at a time."""
_SHARE, _SAVED = 0.5, 0.05
"""The part of the loop's time that one plugin's messages may take, and the seconds it may save up."""
_NOTICES = 200.0
"""Refused system calls a second, and at once: whoever makes more waits for the answer."""
_PAUSE, _LONGEST_PAUSE = 0.01, 0.1
_LAST_WORDS = 0.2
"""Seconds that a process has to end after it closed its side, so that its exit status is known."""
_MAX_WAITING = 4 << 20
"""Bytes that may wait for a plugin which does not read, when there is more to say to it."""
_ROOM = 1 << 20
"""Bytes that may wait when an answer is added: what a plugin asked for waits until it reads."""


class Witness(Protocol):
    """Who is told what happens to a process; on the loop's thread, and never to block."""

    def refused(self, call: notices.Refused) -> None:
        """A system call was refused."""

    def violated(self, error: Violation | CodecError) -> None:
        """The process broke the protocol, and is killed for it."""

    def logged(self, stream: str, line: str) -> None:
        """A line that it wrote."""

    def exceeded(self, bound: Exceeded) -> None:
        """Before its end is told: a bound on all its processes that it met."""

    def ended(self, reason: str, seconds: float) -> None:
        """It is gone, ``seconds`` after it was struck."""


class Incoming(Protocol[F_co]):
    """Bytes in, in any pieces; whole messages out."""

    @property
    def pending(self) -> int:
        """Bytes of a message that is not whole."""

    def feed(self, data: bytes) -> Iterator[F_co]:
        """The messages that are whole now; raises ``CodecError`` or ``Violation``."""


class Wire(Generic[F]):
    """Reads what ``reader`` lets through, and writes. ``take`` gets each; ``over`` hears of the end.

    ``over`` is called with the reason when the process closed its side, broke the protocol or
    does not read; it has to call ``close``, which lets go of everything but the process itself.
    ``take`` may raise ``Violation``.
    """

    def __init__(
        self,
        confined: Confined,
        sock: socket.socket,
        reader: Incoming[F],
        log_bytes: int,
        witness: Witness,
        clock: Clock,
        take: Callable[[F], None],
        over: Callable[[str], None],
        waiting: int = _MAX_WAITING,
    ) -> None:
        """``sock`` is one of the confined process's, and must not block.

        ``waiting`` bounds the bytes that it leaves unread.
        """
        self._confined = confined
        self._sock = sock
        self._reader = reader
        self._witness = witness
        self._take = take
        self._over = over
        self._most = waiting
        self._loop = asyncio.get_running_loop()
        self._out = bytearray()
        self._writing = False
        self._late: asyncio.TimerHandle | None = None
        self._whole = False
        self._monotonic = clock.monotonic
        self._share = Allowance(_SHARE, _SAVED)
        self._noticing = Allowance(_NOTICES, _NOTICES)
        self._closed = False
        self._read_on = asyncio.Event()
        self._drains = {
            pipe: Drain(pipe, log_bytes, partial(witness.logged, name), clock.monotonic)
            for name, pipe in (("stdout", confined.stdout), ("stderr", confined.stderr))
        }
        self._readers: dict[int, Callable[[], None]] = {sock.fileno(): self._read}
        self._readers |= {pipe: partial(self._drain, pipe) for pipe in self._drains}
        if confined.listener >= 0:
            self._readers[confined.listener] = self._notice
        for descriptor, read in self._readers.items():
            self._loop.add_reader(descriptor, read)

    def write(self, data: bytes) -> None:
        """Send, now or when the process reads; what it leaves unread is bounded."""
        if self._closed:
            return
        if len(self._out) > self._most:
            self._over(f"it did not read, and over {self._most >> 20} MiB wait for it")
            return
        self._out += data
        if not self._writing:
            self._flush()

    async def room(self) -> None:
        """Return when little is left for the process to read, or it is over."""
        while len(self._out) > _ROOM and not self._closed:
            self._read_on.clear()
            await self._read_on.wait()

    @property
    def dropped(self) -> int:
        """Bytes that it wrote on stdout and stderr and that were over its budget."""
        return sum(drain.budget.dropped for drain in self._drains.values())

    def finish(self) -> None:
        """Tell the process that nothing more will come; it may go on writing."""
        if not self._closed:
            with suppress(OSError):  # it is gone: the reader says so
                self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Read what is left of the output, and let go of the descriptors."""
        if self._closed:
            return
        self._closed = True
        self._read_on.set()
        for drain in self._drains.values():
            drain.read()
        for descriptor in list(self._readers):
            self._ignore(descriptor)
        self._loop.remove_writer(self._sock.fileno())
        if self._late is not None:
            self._late.cancel()

    def _read(self) -> None:
        """One piece at a time, so that a plugin which floods leaves time for the others."""
        try:
            data = self._sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._await_end()
            return
        self._whole = False
        self._go_through(self._reader.feed(data))

    def _go_through(self, frames: Iterator[F]) -> None:
        """Take messages for a moment; what is left waits until the others had their turn."""
        began = self._monotonic()
        over = False
        try:
            for frame in frames:
                self._whole = True
                self._take(frame)
                if self._closed:
                    return
                if over := self._monotonic() - began > _SLICE:
                    break
        except (CodecError, Violation) as error:
            self._violated(error)
            return
        now = self._monotonic()
        pause = self._share.delay(now, now - began)
        if over:
            self._pause(self._sock.fileno(), pause, partial(self._go_through, frames))
            return
        self._time_frame(whole=self._whole)
        if pause:
            self._pause(self._sock.fileno(), pause)

    def _pause(
        self, descriptor: int, seconds: float, then: Callable[[], None] | None = None
    ) -> None:
        """Do not read for a while; what is not read makes the plugin wait."""
        self._loop.remove_reader(descriptor)
        self._loop.call_later(min(seconds, _LONGEST_PAUSE), self._resume, descriptor, then)

    def _resume(self, descriptor: int, then: Callable[[], None] | None) -> None:
        read = self._readers.get(descriptor)
        if read is None:
            return
        self._loop.add_reader(descriptor, read)
        if then is not None:
            then()

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
        if pause := self._noticing.delay(self._monotonic()):
            self._pause(self._confined.listener, pause)

    def _drain(self, pipe: int) -> None:
        drain = self._drains[pipe]
        if not drain.read():
            self._ignore(pipe)
        elif drain.budget.spent:
            self._pause(pipe, _PAUSE)

    def _ignore(self, descriptor: int) -> None:
        if self._readers.pop(descriptor, None) is not None:
            self._loop.remove_reader(descriptor)

    def _flush(self) -> None:
        """Send what waits; the loop is asked to go on only when the process does not keep up."""
        try:
            while self._out:
                del self._out[: self._sock.send(self._out)]
        except BlockingIOError:
            if len(self._out) <= _ROOM:
                self._read_on.set()
            if not self._writing:
                self._writing = True
                self._loop.add_writer(self._sock.fileno(), self._flush)
            return
        except OSError:  # it is gone: the reader says so
            self._out.clear()
        self._read_on.set()
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._sock.fileno())

    def _await_end(self) -> None:
        """It closed its side: most often it has ended, or is about to."""
        self._ignore(self._sock.fileno())
        pidfd = self._confined.pidfd
        self._readers[pidfd] = self._ended
        self._loop.add_reader(pidfd, self._ended)
        self._loop.call_later(_LAST_WORDS, self._ended)

    def _ended(self) -> None:
        if not self._closed:
            self._over(self._last_words())

    def _last_words(self) -> str:
        status = self._confined.wait(0)
        if status is None:
            return "it closed its channel"
        signal = -status if status < 0 else status - _BY_SIGNAL
        if signal == SIGSYS:
            self._witness.refused(notices.Refused(0, self._confined.pid, _FOREIGN, ()))
            return "Linux ended it for a system call of another processor's"
        return f"it was ended by signal {signal}" if signal > 0 else f"it exited with {status}"


_BY_SIGNAL = 128
"""What bubblewrap and shells add to the number of a signal."""
_FOREIGN = "another processor's"

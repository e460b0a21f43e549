"""The host's end of one process, whatever it speaks: its socket, its refused calls, its pipes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from threading import RLock
from typing import Any, Generic, Protocol, TypeVar

from retinue.bus.clock import Clock
from retinue.bus.errors import CodecError

from ..protocol.rules import Violation
from ..sandbox import notices
from ..sandbox.cgroups import Exceeded
from ..sandbox.confined import Confined
from .aside import Aside, last_words
from .lease import Lease
from .output import escaped
from .pace import Allowance
from .readers import Readers

__all__ = ["FRAME_SECONDS", "Incoming", "Wire", "Witness"]

F = TypeVar("F")
F_co = TypeVar("F_co", covariant=True)

FRAME_SECONDS = 2.0
"""From the first byte of a frame to its last."""
_READ = 64 * 1024
_SLICE = 0.0005
"""Seconds that the messages of one plugin are gone through at a time."""
_SHARE, _SAVED = 0.5, 0.05
"""The part of the loop's time that one plugin's messages may take, and the seconds it may save up."""
_LONGEST_PAUSE = 0.1
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
        """A bound that it met: the host's at once, one on all its processes at its end. Any thread."""

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
    ``take`` may raise ``Violation``, and is called under ``lock``. All of it is on the loop where it
    was made, its home; ``write`` and ``called`` are for any loop, and after ``called`` so is ``take``.
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
        self.lock = RLock()
        """Held while something is read or written."""
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
        self._held = False
        self._monotonic = clock.monotonic
        self._share = Allowance(_SHARE, _SAVED)
        self._closed = False
        self._read_on = asyncio.Event()
        self._readers = Readers(self._loop)
        self._lease = Lease(self._loop, self._readers, sock, self.read)
        self._aside = Aside(confined, self._readers, log_bytes, witness, clock.monotonic)

    def at_home(self, callback: Callable[..., object], *given: Any) -> None:
        """Have it called on the home loop, at once when that is this one. From any loop."""
        if asyncio.get_running_loop() is self._loop:
            callback(*given)
            return
        with suppress(RuntimeError):  # that loop is closed, and everything on it has ended
            self._loop.call_soon_threadsafe(callback, *given)

    def write(self, data: bytes) -> None:
        """Send, now or when the process reads; what it leaves unread is bounded. From any loop."""
        with self.lock:
            if self._closed:
                return
            if len(self._out) > self._most:
                told = f"it did not read, and over {self._most >> 20} MiB wait for it"
                self.at_home(self._over, told)
                return
            self._out += data
            if not self._writing:
                self._flush()

    def called(self) -> None:
        """What was written is a call; who makes all of them on one loop may read the answers there."""
        if not self._held:
            self._lease.called(asyncio.get_running_loop())

    def read_at_home(self) -> None:
        """What is said at the moment is for the home loop."""
        self._lease.take_back(rest=True)

    async def room(self) -> None:
        """Return when little is left for the process to read, or it is over."""
        while not self._closed:
            with self.lock:
                if len(self._out) <= _ROOM:
                    return
            self._read_on.clear()
            await self._read_on.wait()

    @property
    def dropped(self) -> int:
        """Bytes that it wrote on stdout and stderr and that were over its budget."""
        return self._aside.dropped

    def finish(self) -> None:
        """Tell the process that nothing more will come; it may go on writing."""
        with suppress(OSError):  # it is gone: the reader says so
            self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Read what is left of the output, and let go of the descriptors."""
        with self.lock:
            if self._closed:
                return
            self._closed = True
            self._lease.close()
        self._read_on.set()
        self._aside.close()
        self._readers.close()
        self._loop.remove_writer(self._sock.fileno())
        if self._late is not None:
            self._late.cancel()

    def read(self) -> None:
        """One piece, if there is one: a plugin that floods leaves time for others. From any loop."""
        with self.lock:
            if self._closed or self._held:
                return
            try:
                data = self._sock.recv(_READ)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                self._whole = False
                self._go_through(self._reader.feed(data))
            else:
                self._hold(self._await_end)

    def _go_through(self, frames: Iterator[F]) -> None:
        """Take messages for a moment; what is left waits until the others had their turn."""
        began = self._monotonic()
        rest: Iterator[F] | None = None
        try:
            for frame in frames:
                if self._monotonic() - began > _SLICE:
                    rest = chain((frame,), frames)
                    break
                self._whole = True
                self._take(frame)
                if self._closed:
                    return
        except (CodecError, Violation) as error:
            self._hold(self._violated, error)
            return
        now = self._monotonic()
        pause = self._share.delay(now, now - began)
        if pause or rest is not None:
            self._hold(self._pause, pause, rest)
        if rest is None and (self._late is not None or self._reader.pending):
            self.at_home(self._time_frame, self._whole)

    def _hold(self, callback: Callable[..., object], *given: Any) -> None:
        """Nobody reads until what has to be done at home is done."""
        self._held = True
        self._lease.take_back(rest=True)
        self.at_home(callback, *given)

    def _pause(self, seconds: float, rest: Iterator[F] | None) -> None:
        """Do not read for a while; what is not read makes the plugin wait."""
        if not self._closed:
            seconds = min(seconds, _LONGEST_PAUSE)
            self._readers.pause(self._sock.fileno(), seconds, partial(self._go_on, rest))

    def _go_on(self, rest: Iterator[F] | None) -> None:
        with self.lock:
            self._held = False
            if rest is not None:
                self._go_through(rest)

    def _time_frame(self, whole: bool) -> None:  # noqa: FBT001 - ``at_home`` gives it by position
        """Count from the first byte of a frame: one that comes byte by byte gets no more time."""
        if self._closed:
            return
        if self._late is not None and (whole or not self._reader.pending):
            self._late.cancel()
            self._late = None
        if self._reader.pending and self._late is None:
            slow = Violation(f"a frame was not whole {FRAME_SECONDS:g} s after its first byte")
            self._late = self._loop.call_later(FRAME_SECONDS, self._violated, slow)

    def _violated(self, error: CodecError | Violation) -> None:
        if not self._closed:
            self._witness.violated(error)
            self._over(escaped(str(error)))

    def _flush(self) -> None:
        """Send what waits; home is asked to go on only when the process does not keep up."""
        try:
            while self._out:
                del self._out[: self._sock.send(self._out)]
        except BlockingIOError:
            if not self._writing:
                self._writing = True
                self.at_home(self._wait_to_write)
        except OSError:  # it is gone: the reader says so
            self._out.clear()

    def _wait_to_write(self) -> None:
        if not self._closed:
            self._loop.add_writer(self._sock.fileno(), self._write_on)

    def _write_on(self) -> None:
        """The process has read something. At home."""
        with self.lock:
            self._flush()
            if len(self._out) <= _ROOM:
                self._read_on.set()
            if not self._out:
                self._writing = False
                self._loop.remove_writer(self._sock.fileno())

    def _await_end(self) -> None:
        """It closed its side: most often it has ended, or is about to."""
        if self._closed:
            return
        self._readers.ignore(self._sock.fileno())
        self._readers.add(self._confined.pidfd, self._ended)
        self._loop.call_later(_LAST_WORDS, self._ended)

    def _ended(self) -> None:
        if not self._closed:
            self._over(last_words(self._confined, self._witness))

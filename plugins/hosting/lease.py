"""Which loop reads a process's socket: its own, or for a while the one that makes all the calls."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress

from .readers import Readers

__all__ = ["Lease"]

_PERIOD = 0.05
"""Seconds after which whoever borrowed the socket and made no call has lost it again."""
_REST = 1.0
"""Seconds for which it is not lent once that was of no use."""


class Lease:
    """A call that is answered on the caller's own loop wakes two threads, and not four.

    It only decides who is woken: whoever reads holds ``Wire.lock`` meanwhile, and may find nothing.
    So nothing is lost by two loops that wait, or by a borrower that is stuck; its turn ends at the
    next look. Used with the lock held, but for what runs at home.
    """

    def __init__(
        self,
        home: asyncio.AbstractEventLoop,
        readers: Readers,
        sock: socket.socket,
        read: Callable[[], None],
    ) -> None:
        """On ``home``, which reads ``sock`` by ``readers`` from now on."""
        self._home = home
        self._readers = readers
        self._sock = sock.fileno()
        self._read = read
        self._borrower: asyncio.AbstractEventLoop | None = None
        self._borrowed = -1
        self._used = False
        self._caller: asyncio.AbstractEventLoop | None = None
        self._called = self._not_before = 0.0
        self._closed = False
        readers.add(self._sock, read)

    def called(self, loop: asyncio.AbstractEventLoop) -> None:
        """A call is made from ``loop``, which runs: the second one in short time borrows the socket."""
        self._used = True
        if self._borrower is loop:
            return
        if self._borrower is not None:
            self.take_back(rest=True)
            return
        now = self._home.time()
        again = loop is self._caller and now - self._called < _PERIOD
        self._caller, self._called = loop, now
        if again and loop is not self._home and now >= self._not_before and not self._closed:
            self._lend(loop)

    def take_back(self, *, rest: bool = False) -> None:
        """Have it read at home; with ``rest`` for a second at least. From any loop."""
        if rest:
            self._not_before = self._home.time() + _REST
        borrower, descriptor = self._borrower, self._borrowed
        if borrower is None:
            return
        self._borrower, self._borrowed = None, -1
        if asyncio.get_running_loop() is self._home:
            self._read_here()
        else:
            with suppress(RuntimeError):
                self._home.call_soon_threadsafe(self._read_here)
        try:
            borrower.call_soon_threadsafe(_drop, borrower, descriptor)
        except RuntimeError:  # that loop is closed, and waits for nothing
            os.close(descriptor)

    def close(self) -> None:
        """Nobody reads it any more. At home."""
        self.take_back()
        self._closed = True
        self._readers.ignore(self._sock)

    def _lend(self, loop: asyncio.AbstractEventLoop) -> None:
        # A number of its own: the socket's may be another's before that loop has let go of it.
        self._borrowed = os.dup(self._sock)
        self._borrower = loop
        loop.add_reader(self._borrowed, self._read)
        with suppress(RuntimeError):
            self._home.call_soon_threadsafe(self._leave_alone, self._borrowed)

    def _leave_alone(self, borrowed: int) -> None:
        if self._borrowed == borrowed:
            self._readers.ignore(self._sock)
            self._home.call_later(_PERIOD, self._look, borrowed)

    def _look(self, borrowed: int) -> None:
        if self._borrowed != borrowed:
            return
        if self._used:
            self._used = False
            self._home.call_later(_PERIOD, self._look, borrowed)
        else:
            self.take_back()

    def _read_here(self) -> None:
        if self._borrower is None and not self._closed:
            self._readers.add(self._sock, self._read)


def _drop(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    loop.remove_reader(descriptor)
    os.close(descriptor)

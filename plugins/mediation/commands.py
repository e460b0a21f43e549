"""Running one command at the strict level: walls, input, output, and its certain end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import Unavailable

from ..hosting.commands import command_of
from ..hosting.interpreter import this_interpreter
from ..manifest.model import Limits, Permissions
from ..sandbox import notices
from ..sandbox.confined import Confined
from ..sandbox.given import Given
from ..sandbox.levels import plan
from ..sandbox.ready import ready
from ..sandbox.spawner import Spawner
from .processes import Finished

__all__ = ["StrictCommands"]

_READ = 64 * 1024


class StrictCommands:
    """Implements ``Commands``; each command has a thread of its own while it runs."""

    def __init__(
        self,
        spawner: Callable[[], Spawner],
        given: Callable[[], Given],
        clock: Clock | None = None,
    ) -> None:
        """Both are asked at first use."""
        self._spawner = spawner
        self._given = given
        self._clock = clock or SystemClock()

    async def run(
        self,
        argv: tuple[str, ...],
        given: bytes,
        permissions: Permissions,
        limits: Limits,
        seconds: float,
        output: int,
    ) -> Finished:
        """As ``Commands.run``."""
        wake, woken = socket.socketpair()

        def work() -> Finished:
            with wake, woken:
                confined = self._started(argv, permissions, limits)
                try:
                    ends = self._clock.monotonic() + seconds
                    return _Running(confined, given, output, woken, self._clock).until(ends)
                finally:
                    confined.kill()

        task = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            with suppress(OSError):
                wake.send(b"x")
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise

    def _started(self, argv: tuple[str, ...], permissions: Permissions, limits: Limits) -> Confined:
        granted = (*permissions.read, *permissions.write)
        command = command_of(argv, "", granted, "shell")
        planned = plan(
            "strict",
            self._given(),
            readable=(*this_interpreter().readable, *command.readable),
            packages={},
            python_path=(),
            main="",
            execute=command.arguments,
            permissions=permissions,
            limits=limits,
        )
        confined = self._spawner().start(planned)
        confined.go()
        return confined


class _Running:
    """Feeds a command, reads what it says, and answers its refused system calls; on one thread."""

    def __init__(
        self, confined: Confined, given: bytes, output: int, woken: socket.socket, clock: Clock
    ) -> None:
        if confined.stdio is None:
            raise Unavailable("a command needs a socket for its input and output")
        self._confined = confined
        self._stdio = confined.stdio
        self._stdio.setblocking(False)
        self._given = memoryview(given)
        self._left = output
        self._woken = woken
        self._clock = clock
        self._said: dict[int, bytearray] = {
            self._stdio.fileno(): bytearray(),
            confined.stderr: bytearray(),
        }
        self._open = {self._stdio.fileno(), confined.stderr, confined.stdout}
        self._cut = False
        self._write()

    def until(self, ends: float) -> Finished:
        """What came of it by then; whoever calls kills what is left."""
        late = False
        while self._open and not late:
            late = not self._step(ends - self._clock.monotonic())
        status = self._confined.wait(max(0.0, ends - self._clock.monotonic()))
        late = late or status is None
        out, err = (bytes(self._said[fd]) for fd in (self._stdio.fileno(), self._confined.stderr))
        return Finished(-signal.SIGKILL if status is None else status, out, err, self._cut, late)

    def _step(self, left: float) -> bool:
        """Deal with what is ready; false when the time is over, or nobody waits any more."""
        listener = [self._confined.listener] if self._confined.listener >= 0 else []
        writers = [self._stdio.fileno()] if self._given else []
        readers = [*self._open, *listener, self._woken.fileno()]
        reading, writing = ready(readers, left, writers)
        if not reading and not writing:
            return False
        if self._woken.fileno() in reading:
            return False
        for descriptor in self._open.intersection(reading):
            self._read(descriptor)
        if listener and listener[0] in reading:
            self._refuse()
        if writing:
            self._write()
        return left > 0

    def _read(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, _READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._open.discard(descriptor)
            return
        kept = data[: self._left]
        self._cut = self._cut or len(kept) < len(data)
        self._left -= len(kept)
        self._said.setdefault(descriptor, bytearray()).extend(kept)

    def _write(self) -> None:
        try:
            self._given = self._given[self._stdio.send(self._given[:_READ]) :]
        except BlockingIOError:
            return
        except OSError:
            self._given = memoryview(b"")
        if not self._given:
            with suppress(OSError):
                self._stdio.shutdown(socket.SHUT_WR)

    def _refuse(self) -> None:
        with suppress(OSError):
            refused = notices.receive(self._confined.listener, os.uname().machine)
            if refused is not None:
                notices.refuse(self._confined.listener, refused)

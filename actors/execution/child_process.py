"""A child process: started, listened to, and ended for certain. All on the service's thread."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import msgspec

from retinue.plugins.host.channel import AsyncChannel

from .output import Output

__all__ = ["ChildProcess", "environment", "how_it_ended"]

_KEPT = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")
_READ = 64 << 10
_WAIT = 2.0


class ChildProcess:
    """One ``retinue.plugins.host.child``, in a session of its own.

    ``got`` gets the bytes of its channel, ``said`` a line of its output, and ``gone`` how it
    ended, once, after all of those. Started from a permanent thread: the kernel of Linux kills
    it when that thread ends, also after a ``kill -9`` of this process.
    """

    def __init__(
        self,
        memory: int,
        got: Callable[[bytes], None],
        said: Callable[[str], None],
        gone: Callable[[str], None],
    ) -> None:
        """Raises ``OSError`` when the system gives no process."""
        self._said = said
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._output = Output()
        self._ended = False
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = _start(theirs, memory)
            except OSError:
                ours.close()
                raise
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        self._channel = AsyncChannel(ours, got, self.kill)
        self._loop.add_reader(self._pidfd, self._exited)
        self._out = self._process.stdout.fileno() if self._process.stdout else -1
        os.set_blocking(self._out, False)
        self._loop.add_reader(self._out, self._listen)

    @property
    def waiting(self) -> int:
        """Bytes that it was sent and has not read."""
        return self._channel.waiting

    def send(self, message: msgspec.Struct) -> None:
        """Queue a frame; raises ``InvalidInput`` when it is too big."""
        self._channel.send(message)

    def kill(self) -> None:
        """SIGKILL, to it and what it started in its session; ``gone`` is called when it ended."""
        if not self._ended:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            self._kill_group()
            self._loop.call_later(_WAIT, self._give_up)

    def _exited(self) -> None:
        # Before it is waited for: until then its number, and its group's, cannot be another's.
        self._kill_group()
        self._channel.drain()
        self._end(how_it_ended(self._process.wait()))

    def _give_up(self) -> None:
        """A process that sleeps inside a driver does not even hear SIGKILL."""
        if not self._ended:
            self._end("did not end within 2 s of SIGKILL and is left behind")

    def _end(self, how: str) -> None:
        if self._ended:
            return
        self._ended = True
        self._listen()
        for line in self._output.end(self._loop.time()):
            self._said(line)
        self._close_output()
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._channel.close()
        self._gone(how)

    def _listen(self) -> None:
        try:
            data = os.read(self._out, _READ) if self._out >= 0 else b""
        except OSError:  # nothing there
            return
        for line in self._output.feed(data, self._loop.time()):
            self._said(line)
        if not data:
            self._close_output()

    def _close_output(self) -> None:
        if self._out >= 0 and self._process.stdout is not None:
            self._loop.remove_reader(self._out)
            self._process.stdout.close()
            self._out = -1

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def environment(ours: Mapping[str, str], path: Sequence[str], here: str) -> dict[str, str]:
    """A child's environment, built from nothing: no key or token of the host's gets in. Pure."""
    kept = {name: ours[name] for name in _KEPT if name in ours}
    folders = os.pathsep.join(folder or here for folder in path)
    # glibc reserves 64 MiB of address space for each thread's arena, and that is bounded.
    return kept | {"PYTHONPATH": folders, "PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"}


def how_it_ended(code: int) -> str:
    """In words, from what ``wait`` says. Pure."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _start(theirs: socket.socket, memory: int) -> subprocess.Popen[bytes]:
    numbers = (theirs.fileno(), os.getpid(), memory)
    # -P: the working directory is not searched for modules unless our own path has it.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "retinue.plugins.host.child", *map(str, numbers)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(theirs.fileno(),),
        start_new_session=True,
        env=environment(os.environ, sys.path, os.getcwd()),  # noqa: PTH109 - a string is wanted
    )

"""A process behind its walls: its sockets, its notices, and its certain end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress

from ..manifest.model import Level
from .cgroups import Cgroup, Exceeded
from .outside import processes_in, status_of
from .ready import ready

__all__ = ["Confined"]

_WALL_GRACE = 0.25
_GRACE = 5.0
"""Seconds for Linux to take away what was killed; it needs milliseconds."""


class Confined:
    """What ``Spawner.start`` gives. Its owner reads ``sock``, ``listener`` and both pipes."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        pid: int,
        sock: socket.socket,
        stdio: socket.socket | None,
        level: Level,
    ) -> None:
        """``pid`` is the plugin's as the host sees it; ``process`` may be a wall around it."""
        self._process = process
        self._pidfd = os.pidfd_open(process.pid)
        self._inner = os.pidfd_open(pid) if pid != process.pid else -1
        self.pid = self._first = pid
        self.sock = sock
        """The host's end of the channel."""
        self.stdio = stdio
        """The host's end of stdin and stdout, for a command."""
        self.level = level
        self.layers: tuple[str, ...] = ()
        """The walls that were seen to stand."""
        self.listener = -1
        """Readable when a system call was refused; see ``notices``."""
        self.pid_namespace = 0
        """The inode of its own pid namespace; 0 when it is the host's."""
        self.exceeded: tuple[Exceeded, ...] = ()
        """The bounds of its cgroup that it met; known once it was killed."""
        self.cgroup: Cgroup | None = None
        """Where it runs with all that it starts, on hosts that have cgroups."""
        self.stdout = -1 if process.stdout is None else process.stdout.fileno()
        self.stderr = -1 if process.stderr is None else process.stderr.fileno()

    def __repr__(self) -> str:
        return f"<Confined pid={self.pid} level={self.level} layers={','.join(self.layers)}>"

    def enclose(self, cgroup: Cgroup) -> None:
        """Put it into a cgroup, which ends with it: before any code of the plugin's ran.

        Raises ``OSError`` unless all its processes are seen there.
        """
        self.cgroup = cgroup
        cgroup.add(sorted({self._process.pid, self._first, self.pid}))

    def go(self) -> None:
        """Let the plugin's own code run; after ``start`` and whatever the owner sets up first."""
        self.sock.setblocking(True)
        self.sock.sendall(b"G")

    def terminate(self) -> bool:
        """Ask it to end, with SIGTERM; false when that has no effect, or it has ended.

        The first process of a pid namespace gets only those signals that it has a handler for.
        """
        pidfd = self._inner if self._inner >= 0 else self._pidfd
        try:
            handled = int(status_of(self.pid).get("SigCgt", "0"), 16)
            if pidfd < 0 or not handled >> (signal.SIGTERM - 1) & 1:
                return False
            signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        except OSError:
            return False
        return True

    @property
    def pidfd(self) -> int:
        """Readable once it has ended; -1 after ``kill``."""
        return self._pidfd

    def strike(self) -> None:
        """Send it its SIGKILL, and do not wait; ``kill`` has to follow. Does not block."""
        if self.cgroup is not None:
            self.cgroup.kill()
        for pidfd in (self._inner, self._pidfd if self._inner < 0 else -1):
            if pidfd >= 0:
                _strike(pidfd)
        self._strike_group()

    def kill(self) -> float:
        """End it and everything beneath it, at once; returns the seconds until all were gone.

        Blocks for milliseconds. Safe to repeat. Raises ``TimeoutError`` if something is left
        after 5 s, which Linux does not let happen to a process that is not stuck in a device.
        """
        started = time.monotonic()
        if self._pidfd < 0:
            return 0.0
        self.strike()
        if self._inner >= 0:  # bubblewrap ends by itself then, and takes the body away
            _ended(self._pidfd, _WALL_GRACE)
        _strike(self._pidfd)
        self._await(started + _GRACE)
        self._release()
        return time.monotonic() - started

    def wait(self, timeout: float) -> int | None:
        """Its exit status, negative for a signal, or ``None`` while it runs."""
        if self._pidfd >= 0 and not _ended(self._pidfd, timeout):
            return None
        self._strike_group()
        return self._process.wait()

    def _await(self, deadline: float) -> None:
        for pidfd in (self._inner, self._pidfd):
            if pidfd >= 0 and not _ended(pidfd, max(0.0, deadline - time.monotonic())):
                raise TimeoutError(f"process {self.pid} outlived a SIGKILL by {_GRACE:g} s")
        self._process.wait()
        if self.cgroup is not None and not self.cgroup.wait_empty(deadline - time.monotonic()):
            raise TimeoutError(f"the cgroup of {self.pid} outlived a SIGKILL by {_GRACE:g} s")
        # A pid namespace ends with its first process: what is still listed is on its way out.
        while self.pid_namespace and any(True for _ in processes_in(self.pid_namespace)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"processes of {self.pid} outlived a SIGKILL by {_GRACE:g} s")

    def _strike_group(self) -> None:
        """Without walls it may have started others; until it is waited for, its number is its own."""
        if self.level == "limits" and self._pidfd >= 0 and self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _release(self) -> None:
        for descriptor in (self._pidfd, self._inner, self.listener):
            if descriptor >= 0:
                os.close(descriptor)
        self._pidfd = self._inner = self.listener = -1
        self.sock.close()
        if self.stdio is not None:
            self.stdio.close()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        if self.cgroup is not None:
            self.exceeded = self.cgroup.exceeded()
            self.cgroup.remove()


def _strike(pidfd: int) -> None:
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _ended(pidfd: int, timeout: float) -> bool:
    return bool(ready([pidfd], timeout)[0])

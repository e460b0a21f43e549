"""Starting confined processes, from one thread that lives as long as they may."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock
from typing import IO, Any

from retinue.bus.clock import Clock, SystemClock
from retinue.bus.errors import PluginError

from .cgroups import Cgroups
from .confined import Confined
from .handshake import Handshake
from .keeping import Keeper
from .levels import LAUNCHER, Plan
from .priority import give_way
from .ready import ready

__all__ = ["FIRST_UID", "Spawner"]

FIRST_UID = 0x70000000
"""Above every uid that distributions hand out; each process of a kernel that is root has its own."""
_UIDS = 1 << 27


class Spawner:
    """Linux ends a child when the *thread* that started it ends, so that thread is kept.

    Any thread may call ``start``, which blocks until the process is confined and proven.
    """

    def __init__(self, clock: Clock | None = None, first_uid: int = FIRST_UID) -> None:
        """``first_uid`` begins the uids that processes get where the kernel is root."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="retinue-spawner")
        self._clock = clock or SystemClock()
        self._lock = Lock()
        self._cgroups: dict[str, Cgroups] = {}
        self._keepers: dict[str, Keeper] = {}
        # Kernels beside each other begin far from each other; a pid has 22 bits at most.
        self._uids = (first_uid + n % _UIDS for n in itertools.count(os.getpid() << 5))

    def start(self, plan: Plan) -> Confined:
        """Start what the plan says, and return it before any code of a plugin has run.

        ``Confined.go`` lets it run. Raises ``PluginError`` when a wall does not stand, naming it,
        or when that took longer than the plan's ``start_seconds``.
        """
        deadline = self._clock.monotonic() + plan.start_seconds
        uid = next(self._uids) if plan.drops_uid else 0
        confined = self._thread.submit(self._spawn, plan, uid).result()
        try:
            Handshake(confined, plan, uid, deadline, self._clock, self._cgroups_in).run()
            if plan.kept and plan.tree:
                self._keeper_of(plan.tree.folder).ready(deadline - self._clock.monotonic())
        except BaseException:
            confined.kill()
            raise
        return confined

    def close(self) -> None:
        """End the thread, and with it every process that it started."""
        self._thread.shutdown()
        with self._lock:
            for cgroups in self._cgroups.values():
                cgroups.close()
            self._cgroups.clear()
            for keeper in self._keepers.values():
                keeper.close()
            self._keepers.clear()

    def _cgroups_in(self, folder: str) -> Cgroups:
        with self._lock:
            if folder not in self._cgroups:
                self._cgroups[folder] = Cgroups(Path(folder))
            return self._cgroups[folder]

    def _keeper_of(self, folder: str) -> Keeper:
        """Raises ``PluginError``."""
        cgroups = self._cgroups_in(folder)
        with self._lock:
            if folder not in self._keepers:
                try:
                    self._keepers[folder] = Keeper(cgroups.folder)
                except OSError as error:
                    raise PluginError(
                        f"the process that ends what plugins started cannot be started: {error}"
                    ) from error
            return self._keepers[folder]

    def _spawn(self, plan: Plan, uid: int) -> Confined:
        """On the permanent thread. What is the child's is closed here, what is ours on failure."""
        with ExitStack() as theirs, ExitStack() as ours:
            sock, channel = socket.socketpair()
            ours.callback(sock.close)
            theirs.callback(channel.close)
            told = {**plan.launcher, "uid": uid, "parent": 0 if plan.bwrap else os.getpid()}
            passed = [channel.fileno()]
            stdio = None
            if plan.stdio:
                stdio, inner = socket.socketpair()
                ours.callback(stdio.close)
                theirs.callback(inner.close)
                passed.append(inner.fileno())
                told["stdio"] = inner.fileno()
            file = theirs.enter_context(_holding(json.dumps(told).encode()))
            command = _command(file.fileno(), channel.fileno())
            info = -1
            if plan.bwrap:
                info, writing = os.pipe()
                theirs.callback(os.close, writing)
                passed.append(writing)
                command = [*plan.bwrap, "--info-fd", str(writing), *command]
            process = _popen(command, [*passed, file.fileno()])
            give_way(process.pid)
            theirs.close()
            pid = _inner_pid(info, plan.start_seconds) if plan.bwrap else 0
            ours.pop_all()
            return Confined(process, pid or process.pid, sock, stdio, plan.level)


def _command(plan: int, channel: int) -> list[str]:
    python = str(Path(sys.executable).resolve())
    return [python, "-I", "-S", "-B", str(LAUNCHER), str(plan), str(channel)]


def _popen(command: list[str], passed: list[int]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=passed,
        env={"MALLOC_ARENA_MAX": "2"},  # the C library reads it before any code of ours runs
        cwd="/",
        start_new_session=True,
    )


def _holding(data: bytes) -> IO[bytes]:
    """A file without a name, to be read from its beginning."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asked closes it
    file.write(data)
    file.seek(0)
    return file


def _inner_pid(descriptor: int, seconds: float) -> int:
    """The pid of what bubblewrap started, as the host sees it; 0 when it could not start it."""
    data = b""
    with os.fdopen(descriptor, "rb", buffering=0) as pipe:
        while ready([descriptor], seconds)[0]:
            piece = pipe.read(4096)
            if not piece:
                break
            data += piece
    with suppress(ValueError):
        found: dict[str, Any] = json.loads(data)
        return int(found["child-pid"])
    return 0

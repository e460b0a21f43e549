"""What the parts of the bench ``plugins`` start: the plugin that echoes, and the bare echo."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

from retinue.plugins.attacks.den import Den
from retinue.plugins.hosting.plugin import HostedPlugin
from retinue.plugins.manifest.admission import Admitted, admit

REFERENCES = Path(__file__).resolve().parent / "references"
TEXT = "x" * 64
WAIT = 120.0
TOGETHER = "; on one processor"
"""Ends the names of what was measured with both ends there."""


class Echoes(Den):
    """Starts the plugin that echoes, in place of a hostile one."""

    def admitted(self, name: str = "echoing") -> Admitted:
        """The plugin, taken in."""
        return admit(source_of(self.folder, name), self.folder / "store")

    def plugin(self) -> HostedPlugin:
        """One that is not started yet."""
        admitted = self.admitted()
        return self.hosted(admitted, self.plan(admitted))


@contextmanager
def one_processor() -> Any:
    """Keep this thread, and all that it starts meanwhile, on one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def source_of(folder: Path, name: str = "echoing") -> Path:
    """The folder of the plugin that echoes; made at first use."""
    source = folder / name
    if not source.exists():
        source.mkdir(parents=True)
        shutil.copy(REFERENCES / "echo_plugin.py", source / "echoing.py")
        manifest = f'name = "{name}"\nversion = "1.0.0"\nentry = "echoing"\n'
        (source / "plugin.toml").write_text(manifest, encoding="utf-8")
    return source


@contextmanager
def bare_echo() -> Any:
    """One round trip of 64 bytes from the loop that runs, to a process without walls and back.

    It waits as a host has to that serves many: the loop says when there is an answer.
    """
    with _echo() as ours:
        loop = asyncio.get_running_loop()
        data = TEXT.encode()
        answers: list[asyncio.Future[bytes]] = []

        def read() -> None:
            answers.pop().set_result(ours.recv(65536))

        async def trip() -> None:
            answer: asyncio.Future[bytes] = loop.create_future()
            answers.append(answer)
            ours.send(data)
            _check(await answer)

        loop.add_reader(ours, read)
        try:
            yield trip
        finally:
            loop.remove_reader(ours)


@contextmanager
def hasty_echo() -> Any:
    """The same by asyncio's own ``sock_recv``, which reads before it waits.

    Where the echo ran on the same processor meanwhile its answer is there, and no loop takes part:
    that is a blocking echo.
    """
    with _echo() as ours:
        loop = asyncio.get_running_loop()

        async def trip() -> None:
            await loop.sock_sendall(ours, TEXT.encode())
            _check(await loop.sock_recv(ours, 65536))

        yield trip


@contextmanager
def _echo() -> Any:
    """The socket to a process that echoes."""
    ours, theirs = socket.socketpair()
    words = [sys.executable, "-I", "-S", str(REFERENCES / "echo.py"), str(theirs.fileno())]
    process = subprocess.Popen(words, pass_fds=[theirs.fileno()])
    theirs.close()
    ours.setblocking(False)
    try:
        yield ours
    finally:
        ours.close()
        process.wait(WAIT)


def _check(answer: bytes) -> None:
    if answer != TEXT.encode():
        raise RuntimeError("the echo gave something else back")


async def timed(work: Callable[[], Awaitable[object]], times: int) -> list[float]:
    """Microseconds of each."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await work()
        took.append((time.perf_counter() - began) * 1e6)
    return took


def p99(took: list[float]) -> float:
    """Of at least two figures."""
    return quantiles(took, n=100)[98]

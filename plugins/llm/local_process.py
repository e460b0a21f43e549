"""Starting, awaiting and ending the child process of a local model."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from pathlib import Path
from typing import IO

import msgspec

from retinue.bus.errors import DeadlineExceeded, ModelError

__all__ = ["ModelProcess", "ServerSettings"]

_SERVER = Path(__file__).with_name("local_server.py")
_GRACE = 2.0  # seconds between the end of its input and a kill
_KEPT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class ServerSettings(msgspec.Struct, frozen=True):
    """What the child is told on its standard input; ``site`` is where its wheel lies.

    ``context`` is the tokens of one slot. An empty ``host`` means a private Unix socket.
    """

    name: str
    weights: str
    site: str
    slots: int
    context: int
    threads: int
    host: str = ""
    port: int = 0
    api_keys: tuple[str, ...] = ()


class ModelProcess:
    """A running server. Any thread, any loop; it ends with ``close`` or with this process."""

    def __init__(self, settings: ServerSettings, *, python: str = sys.executable) -> None:
        """Start it, and return before it has loaded; see ``ready``."""
        self.name = settings.name
        self._folder = Path(tempfile.mkdtemp(prefix="retinue-model-"))  # 0700
        self._log = self._folder / "log"
        with self._log.open("wb") as log:
            self._popen = _spawn(python, log)
        self._finish = weakref.finalize(self, _end, self._popen, self._folder)
        self._greeting: bytes | None = None
        self._lock = threading.Lock()
        _tell(self._popen, settings, self._folder)

    def __repr__(self) -> str:
        state = "running" if self.alive else f"ended {self._popen.returncode}"
        return f"<ModelProcess {self.name} pid={self.pid} {state}>"

    @property
    def pid(self) -> int:
        """Its process id, also after its end."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """False once it has ended, however it did."""
        return self._finish.alive and self._popen.poll() is None

    async def ready(self, load_timeout: float) -> str:
        """Wait until the model is loaded; the address it listens on.

        Raises ModelError with the end of its log when it fails to load, DeadlineExceeded
        after ``load_timeout`` seconds.
        """
        try:
            async with asyncio.timeout(load_timeout):
                greeting = await self._hear()
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"model {self.name!r} was not loaded after {load_timeout:g} s; "
                "give it more time (load_timeout), or use smaller weights"
            ) from error
        word, _, address = greeting.decode().strip().partition(" ")
        if word != "ready":
            raise ModelError(f"model {self.name!r} did not load: {self.log_tail()}")
        return address.removeprefix("unix://")

    async def ended(self, wait: float) -> bool:
        """Whether it has ended, or does so within ``wait`` seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while self.alive and loop.time() < deadline:  # noqa: ASYNC110 - it sends no event
            await asyncio.sleep(0.01)
        return not self.alive

    def log_tail(self) -> str:
        """The last lines it wrote, for an error message."""
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return "; ".join(line.strip() for line in lines[-3:]) or "its process left no log"

    def close(self) -> None:
        """End it and wait for its end, at most a few seconds. Safe to repeat."""
        self._finish()

    async def _hear(self) -> bytes:
        while self._greeting is None:
            copy = _copy(self._popen)
            try:
                await _readable(copy)
                with self._lock:
                    if self._greeting is None:
                        # One line, written whole, and then the end: never blocks here.
                        self._greeting = os.read(copy, 4096)
            finally:
                os.close(copy)
        return self._greeting


def _spawn(python: str, log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [python, "-I", str(_SERVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env={key: os.environ[key] for key in _KEPT if key in os.environ},
        cwd="/",
        start_new_session=True,  # Ctrl-C is for the kernel, which then closes it
        bufsize=0,
    )


def _tell(popen: subprocess.Popen[bytes], settings: ServerSettings, folder: Path) -> None:
    told = msgspec.to_builtins(settings) | {"folder": str(folder)}
    told["host"] = settings.host or str(folder / "m.sock")  # the ending says: a Unix socket
    line = json.dumps(told).encode() + b"\n"
    if popen.stdin is not None:
        popen.stdin.write(line)


def _copy(popen: subprocess.Popen[bytes]) -> int:
    """A duplicate, since a loop keeps one reader for a descriptor, and waiters may be many."""
    if popen.stdout is None or popen.stdout.closed:
        raise ModelError("the model was closed while it was loading")
    return os.dup(popen.stdout.fileno())


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)


def _end(popen: subprocess.Popen[bytes], folder: Path) -> None:
    for pipe in (popen.stdin, popen.stdout):
        if pipe is not None:
            pipe.close()
    try:
        popen.wait(_GRACE)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait(_GRACE)
    shutil.rmtree(folder, ignore_errors=True)

"""A Redis server of the kernel's own: reached by nobody else, gone when the kernel is gone."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from ..errors import Unavailable
from . import leftovers

__all__ = ["PrivateServer"]

_LONGEST_PATH = 103  # bytes; what sun_path holds on macOS, less its final zero
_FIRST_DELAY, _LONGEST_DELAY = 0.05, 2.0
_HEALTHY = 10.0
_TEMPORARY = "retinue-redis-"
_SOCKET = "redis.sock"
_LOG = "redis.log"

_CONFIG = """\
port 0
unixsocket "{folder}/redis.sock"
unixsocketperm 700
dir "{folder}"
logfile "{folder}/redis.log"
loglevel warning
daemonize no
save ""
appendonly no
client-output-buffer-limit pubsub 32mb 8mb 60
client-output-buffer-limit normal 64mb 32mb 60
"""

# The kernel's death ends the server, even by kill -9. The signal is asked for after the fork,
# in a fresh interpreter: preexec_fn may deadlock where there are threads.
_TIED_LAUNCHER = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]): sys.exit("the kernel is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class PrivateServer:
    """A child process behind a Unix socket in a folder that only this user can enter.

    It keeps nothing on disk, and listens on no port. It is started again when it dies, with
    back-off. A thread of its own starts it and waits for its end: Linux sends the death signal
    when the *thread* that started a child ends.
    """

    def __init__(
        self,
        binary: Path,
        folder: Path | None = None,
        *,
        restart: bool = True,
        timeout: float = 5.0,
    ) -> None:
        """Nothing is started yet.

        ``folder`` is made if it is absent; without one, or with a path too long for a
        socket, a temporary folder is used and removed by ``stop``. ``timeout`` is in seconds.
        """
        self.binary = binary
        self._wanted = folder
        self._folder: Path | None = None
        self._temporary = False
        self._restart = restart
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None
        self._stopping = threading.Event()
        self._launched = threading.Event()
        self._failure: OSError | None = None

    @property
    def url(self) -> str:
        """``unix://PATH``; raises ``Unavailable`` before ``start``."""
        return f"unix://{self._started_folder() / _SOCKET}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def describe(self) -> str:
        """For example ``private valkey-server at /run/…/redis.sock``."""
        where = self._folder / _SOCKET if self._folder else "rest"
        return f"private {self.binary.name} at {where}"

    def __repr__(self) -> str:
        return f"<PrivateServer {self.describe()} pid={self.pid}>"

    def start(self) -> None:
        """Return once the server answers; raises ``Unavailable`` with its last words."""
        if self._keeper:
            raise Unavailable(f"{self.describe()} is already started")
        folder = self._make_folder()
        leftovers.reap(folder)
        (folder / _SOCKET).unlink(missing_ok=True)
        self._folder = folder
        self._stopping.clear()
        self._launched.clear()
        self._failure = None
        self._keeper = threading.Thread(target=self._keep, name="retinue-redis", daemon=True)
        self._keeper.start()
        try:
            self._await_answer()
        except Unavailable:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server and remove its files. May be called twice."""
        keeper, self._keeper = self._keeper, None
        self._stopping.set()
        if keeper:
            self._launched.wait(self._timeout)
            self._end_process()
            keeper.join(self._timeout)
        if self._folder:
            self._clean(self._folder)

    def _started_folder(self) -> Path:
        if self._folder is None:
            raise Unavailable(f"{self.describe()} is not started: call start() first")
        return self._folder

    def _make_folder(self) -> Path:
        wanted = self._wanted
        if wanted is not None and len(os.fsencode(wanted.absolute() / _SOCKET)) <= _LONGEST_PATH:
            wanted.mkdir(parents=True, exist_ok=True, mode=0o700)
            wanted.chmod(0o700)
            return wanted.absolute()
        self._temporary = True
        leftovers.sweep(Path(tempfile.gettempdir()), f"{_TEMPORARY}*")
        return Path(tempfile.mkdtemp(prefix=_TEMPORARY))

    def _keep(self) -> None:
        """Start the server, and again whenever it ends, until told to stop."""
        delay = _FIRST_DELAY
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                process = self._launch()
            except OSError as error:
                self._failure = error
                self._launched.set()
                return
            if self._stopping.is_set():
                process.kill()
            process.wait()
            if not self._restart:
                return
            lived_well = time.monotonic() - started > _HEALTHY
            delay = _FIRST_DELAY if lived_well else min(delay * 2, _LONGEST_DELAY)
            self._stopping.wait(delay)

    def _launch(self) -> subprocess.Popen[bytes]:
        folder = self._started_folder()
        command = [str(self.binary), "-"]
        if sys.platform == "linux":
            launcher = [sys.executable, "-I", "-S", "-c", _TIED_LAUNCHER, str(os.getpid())]
            command = launcher + command
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            start_new_session=True,  # a Ctrl-C in the terminal is for the kernel, which then stops it
        )
        self._process = process
        leftovers.record(folder, process.pid, os.getpid())
        self._launched.set()
        if process.stdin:
            with (
                contextlib.suppress(BrokenPipeError),
                process.stdin as stdin,
            ):  # it has ended: seen later
                stdin.write(_CONFIG.format(folder=folder).encode())
        return process

    def _await_answer(self) -> None:
        deadline = time.monotonic() + self._timeout
        pause = threading.Event()
        while not _answers(self._started_folder() / _SOCKET):
            process = self._process
            if self._failure or (process and process.poll() is not None):
                raise Unavailable(f"{self.binary} did not start: {self._last_words()}")
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"{self.binary} did not answer within {self._timeout:g} s: {self._last_words()}"
                )
            pause.wait(0.002)

    def _last_words(self) -> str:
        if self._failure:
            return str(self._failure)
        log = self._started_folder() / _LOG
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return lines[-1] if lines else f"exit status {self._process and self._process.returncode}"

    def _end_process(self) -> None:
        # By force at once: it keeps nothing, and a stopped one would not hear anything else.
        process = self._process
        if process and process.poll() is None:
            process.kill()

    def _clean(self, folder: Path) -> None:
        leftovers.forget(folder)
        if self._temporary:
            shutil.rmtree(folder, ignore_errors=True)
        self._folder = None


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
            probe.sendall(b"PING\r\n")
            return probe.recv(16).startswith(b"+PONG")
        except OSError:
            return False

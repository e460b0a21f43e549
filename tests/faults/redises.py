"""A Redis that may be killed, stopped and started again, with what it held or without; and a proxy."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from retinue.bus.redis.server import find_binaries

_TIED = """\
import ctypes, os, signal, sys
if sys.platform == "linux": ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]): sys.exit("the harness is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""
_CONFIG = """\
port 0
unixsocket "{folder}/r.sock"
unixsocketperm 700
dir "{folder}"
save ""
appendonly {keeps}
appendfsync no
auto-aof-rewrite-percentage 0
client-output-buffer-limit pubsub 256kb 0 0
client-output-buffer-limit normal 8mb 0 0
"""


class Server:
    """A child process behind a Unix socket. Start it on a thread that lives as long as it shall."""

    def __init__(self, *, keeps: bool) -> None:
        """With ``keeps`` it is back with what it held."""
        self.folder = Path(tempfile.mkdtemp(prefix="rt-"))
        self.path = self.folder / "r.sock"
        self.url = f"unix://{self.path}"
        self.keeps = keeps
        config = _CONFIG.format(folder=self.folder, keeps="yes" if keeps else "no")
        (self.folder / "redis.conf").write_text(config)
        self.start()

    def start(self) -> None:
        """Return once it answers."""
        self.path.unlink(missing_ok=True)
        launcher = [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid())]
        server = [str(next(find_binaries())), str(self.folder / "redis.conf")]
        self.process = subprocess.Popen(
            launcher + server, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        until = time.monotonic() + 10
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the server does not answer")
            time.sleep(0.002)

    def client(self, timeout: float = 2.0) -> redis.Redis:
        """One that tries once."""
        once = Retry(NoBackoff(), 0)
        return redis.Redis(
            unix_socket_path=str(self.path), protocol=2, socket_timeout=timeout, retry=once
        )

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.wait(10)

    def end(self) -> None:
        """In order."""
        self.process.terminate()
        self.process.wait(10)

    @contextlib.contextmanager
    def stopped(self):
        """It does nothing, and its sockets stay open."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it, and remove what it left."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), self.client() as client:
            return bool(client.ping())
        return False


class Proxy:
    """Passes bytes on between readers and a server, until it keeps those of the open lines to itself."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._lines: list[_ProxiedLine] = []
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> int:
        """Forget the open connections, as a network does; later ones pass. How many they were."""
        with self._lock:
            lines = [line for line in self._lines if line.passing]
            for line in lines:
                line.passing = False
        return len(lines)

    def close(self) -> None:
        """Close everything."""
        self._listening.close()
        with self._lock:
            for line in self._lines:
                line.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.socket(socket.AF_UNIX)
                try:
                    far.connect(self._path)
                except OSError:
                    near.close()
                    continue
                with self._lock:
                    self._lines = [line for line in self._lines if not line.closed]
                    self._lines.append(_ProxiedLine(near, far))


class _ProxiedLine:
    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.passing, self.closed = True, False
        self._ends = near, far
        for source, target in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def close(self) -> None:
        self.closed = True
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.passing:
                    target.sendall(data)
        self.close()

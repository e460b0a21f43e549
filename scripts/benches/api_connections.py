"""A daemon of its own for a bench, and a connection to it that stays open."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Unix", "daemon", "process"]

_UP = 30.0  # seconds


class Unix(http.client.HTTPConnection):
    """To a Unix socket, which may still have to come; kept open from one request to the next."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_UP)
        self._path = path

    def asked(
        self, method: str, path: str, body: bytes | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """The body of an answer, and its headers by their names in small letters."""
        self.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = self.getresponse()
        data: bytes = response.read()
        if response.status >= 400:
            raise RuntimeError(data.decode())
        return data, {name.lower(): value for name, value in response.getheaders()}

    def json(self, path: str) -> Any:
        """What a GET answers."""
        return json.loads(self.asked("GET", path)[0])

    def connect(self) -> None:
        """Called by the first request."""
        deadline = time.monotonic() + _UP
        while True:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.timeout)
            try:
                self.sock.connect(str(self._path))
            except (FileNotFoundError, ConnectionRefusedError):
                self.sock.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return


@contextmanager
def daemon(state: Path, *flags: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """``retinue run`` on a folder of its own."""
    command = [str(Path(sys.executable).with_name("retinue")), "run", "--redis", "none"]
    arguments = ["--state-dir", str(state), "--log-level", "error", *flags]
    with process([*command, *arguments], **environ) as started:
        yield started


@contextmanager
def process(command: list[str], **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """A child, ended by SIGTERM."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env={**os.environ, **environ}
    ) as started:
        try:
            yield started
        finally:
            started.send_signal(signal.SIGTERM)

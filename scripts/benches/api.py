"""The API over the Unix socket, beside a bare Starlette route in the same run."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

HERE = Path(__file__).resolve().parent
_HEADERS = {"Content-Type": "application/json"}
_UP = 30.0  # seconds


def run(report: Any) -> None:
    """Every figure of the API; ``report`` is a ``report.Report``."""
    with tempfile.TemporaryDirectory() as folder, _daemon(Path(folder)) as connection:
        status = _asked(connection, "GET", "/v1/status")
        with _bare(Path(folder), len(status)) as bare:
            _status(report, connection, bare)
        _submits(report, connection)


def _status(report: Any, ours: Any, bare: Any) -> None:
    times = 50 if report.quick else 2_000
    report.compare(
        "GET status over the Unix socket, p50",
        lambda: _p50(lambda: _asked(ours, "GET", "/v1/status"), times),
        lambda: _p50(lambda: _asked(bare, "GET", "/"), times),
        at_least=1 / 1.5,
    )


def _submits(report: Any, connection: Any) -> None:
    body = msgspec.json.encode({"agent": "echo", "input": {"text": "hello"}})
    times = 20 if report.quick else 500
    report.progress("submit and wait")

    def one() -> None:
        _asked(connection, "POST", "/v1/tasks?wait=30", body)

    _p50(one, 20)
    took = _p50(one, times) / 1_000
    report.at_most("submit and wait over the API, durable, p50", took, 3.0, "ms")


def _p50(work: Callable[[], object], times: int) -> float:
    """Microseconds."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return median(taken) * 1e6


def _asked(connection: Any, method: str, path: str, body: bytes | None = None) -> bytes:
    connection.request(method, path, body, _HEADERS if body else {})
    response = connection.getresponse()
    data: bytes = response.read()
    if response.status >= 400:
        raise RuntimeError(data.decode())
    return data


@contextmanager
def _daemon(folder: Path) -> Iterator[Any]:
    state = folder / "state"
    command = [str(Path(sys.executable).with_name("retinue"))]
    arguments = ["run", "--redis", "none", "--state-dir", str(state), "--log-level", "error"]
    with _process([*command, *arguments]), _connection(state / "retinue.sock") as connection:
        yield connection


@contextmanager
def _bare(folder: Path, size: int) -> Iterator[Any]:
    path = folder / "bare.sock"
    reference = HERE / "references" / "bare.py"
    command = [sys.executable, "-P", str(reference), str(path), str(size)]
    with _process(command), _connection(path) as connection:
        yield connection


@contextmanager
def _process(command: list[str]) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)


@contextmanager
def _connection(path: Path) -> Iterator[Any]:
    made = _Unix(path)
    try:
        yield made
    finally:
        made.close()


class _Unix(http.client.HTTPConnection):
    """Kept open from one request to the next."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_UP)
        self._path = path

    def connect(self) -> None:
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

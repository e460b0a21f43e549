"""10,000 connections over TCP that ask nothing: what they cost, and how a new client fares beside them."""

from __future__ import annotations

import http.client
import resource
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from api_connections import Unix, daemon

from retinue.kernel.tokens import TokenFile

IDLE = 10_000
_OWN = 300
"""Descriptors of this process that are no connections."""
_PATIENCE = 30.0
"""Seconds; after ten the daemon hangs up on who asks nothing."""


def run(report: Any) -> None:
    """Memory for each, a new client's request, the owner's, and what is left when they are cut."""
    many = 500 if report.quick else _most(IDLE)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        state = Path(folder) / "state"
        more = {"RETINUE_API_CONNECTIONS": str(IDLE + 100), "RETINUE_API_RATE": "100000"}
        with daemon(state, "--listen", "127.0.0.1:0", **more) as process:
            own = Unix(state / "retinue.sock")
            own.asked("GET", "/healthz")
            measured = _Measured(report, state, own, process.pid)
            measured.beside(many)


class _Measured:
    def __init__(self, report: Any, state: Path, own: Unix, pid: int) -> None:
        self._report = report
        self._own = own
        self._pid = pid
        self._token = TokenFile(state).create("bench", "viewer")
        self._address = str(own.json("/v1/status")["listen"])

    def beside(self, many: int) -> None:
        report = self._report
        times = 20 if report.quick else 200
        report.progress("nobody else")
        alone, before = self._new_clients(times), _memory(self._pid)
        with ExitStack() as stack:
            report.progress(f"{many:,} idle connections")
            with _held(self._address, many, stack) as took:
                held = _reached(lambda: _descriptors(self._pid), many)
                report.at_least("idle connections that are held at once", held, many, "")
                each = (_memory(self._pid) - before) / many / 1024
                report.at_most(f"memory for each of {many:,} idle connections", each, 24.0, "kB")
                report.note(f"{many:,} connections are accepted in", took, "s")
                beside = self._new_clients(times)
            report.ratio(
                f"a new client's request beside {many:,} idle connections, p50",
                beside,
                alone,
                at_least=0.5,
            )
            owner = _p50(lambda: self._own.asked("GET", "/healthz"), times) / 1e3
            report.at_most("the owner's request meanwhile, p50", owner, 5.0, "ms")
            if not report.quick:
                self._after()

    def _after(self) -> None:
        """Whoever has asked nothing for ten seconds is gone, with the memory that can be given back."""
        self._report.progress("until they are cut")
        left = -_reached(lambda: -_descriptors(self._pid), -_OWN)
        self._report.at_most("descriptors of the daemon once they are cut", left, _OWN, "")

    def _new_clients(self, times: int) -> float:
        headers = {"Authorization": f"Bearer {self._token}"}

        def one() -> None:
            connection = http.client.HTTPConnection(self._address, timeout=30)
            connection.request("GET", "/v1/me", headers=headers)
            if connection.getresponse().status != 200:
                raise RuntimeError("a new client was not served")
            connection.close()

        one()
        return _p50(one, times)


@contextmanager
def _held(address: str, many: int, stack: ExitStack) -> Iterator[float]:
    """So many connections, all accepted; gives the seconds that they took."""
    host, port = address.split(":")
    begun = time.perf_counter()
    for _ in range(many):
        stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
    yield time.perf_counter() - begun


def _reached(count: Callable[[], int], wanted: int) -> int:
    """The count, once it is what is wanted, or has not come to it in time."""
    until = time.monotonic() + _PATIENCE
    while (found := count()) < wanted and time.monotonic() < until:
        time.sleep(0.05)
    return found


def _p50(work: Any, times: int) -> float:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return median(taken) * 1e6


def _most(wanted: int) -> int:
    """As many as this process may open; the limit is raised as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted + _OWN:
        soft = min(hard, wanted + _OWN)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(wanted, soft - _OWN)


def _memory(pid: int) -> int:
    """Bytes that are the process's own."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    parts = [line.split() for line in lines if line.startswith("Private_")]
    return sum(int(part[1]) for part in parts) * 1024


def _descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())

"""The API: beside a bare Starlette route in the same run, with a full list, and among idle clients."""

from __future__ import annotations

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
sys.path.insert(0, str(HERE))  # the parts share what they start

import api_full  # noqa: E402
import api_idle  # noqa: E402
from api_connections import Unix, daemon, process  # noqa: E402


def run(report: Any) -> None:
    """Every figure of the API; ``report`` is a ``report.Report``."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        with daemon(state):
            connection = Unix(state / "retinue.sock")
            status, _ = connection.asked("GET", "/v1/status")
            with _bare(Path(folder), len(status)) as bare:
                _status(report, connection, bare)
            _submits(report, connection)
    api_full.run(report)
    api_idle.run(report)


def _status(report: Any, ours: Unix, bare: Unix) -> None:
    times = 50 if report.quick else 2_000
    report.compare(
        "GET status over the Unix socket, p50",
        lambda: _p50(lambda: ours.asked("GET", "/v1/status"), times),
        lambda: _p50(lambda: bare.asked("GET", "/"), times),
        at_least=1 / 1.5,
    )


def _submits(report: Any, connection: Unix) -> None:
    body = msgspec.json.encode({"agent": "echo", "input": {"text": "hello"}})
    times = 20 if report.quick else 500
    report.progress("submit and wait")

    def one() -> None:
        connection.asked("POST", "/v1/tasks?wait=30", body)

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


@contextmanager
def _bare(folder: Path, size: int) -> Iterator[Unix]:
    path = folder / "bare.sock"
    reference = HERE / "references" / "bare.py"
    with process([sys.executable, "-P", str(reference), str(path), str(size)]):
        yield Unix(path)

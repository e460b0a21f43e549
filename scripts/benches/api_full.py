"""A list of 100,000 runs, read over the API a page at a time: each page beside the first one."""

from __future__ import annotations

import json
import re
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from api_connections import Unix

from retinue.kernel import Kernel
from retinue.kernel.api.server import ApiServer
from retinue.kernel.unix_socket import listen
from retinue.plugins import Context, agent

RUNS = 100_000
_PAGE, _ROUNDS, _GROUP = 100, 40, 2_000


@agent
async def plain(_: Context, n: int) -> int:
    """What the runs are of."""
    return n


@agent
async def rare(_: Context, n: int) -> int:
    """What one run in a thousand is of."""
    return n


def run(report: Any) -> None:
    """Cost of the first page, of the last, of all of them, and of a filtered one."""
    many = 3_000 if report.quick else RUNS
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Kernel() as kernel:
        _fill(report, kernel, many)
        path = Path(folder) / "s"
        with listen(path) as listener:
            server = ApiServer(kernel, listener, lambda _: None)
            server.start()
            try:
                _measure(report, Unix(path), many)
            finally:
                server.close()


def _fill(report: Any, kernel: Kernel, many: int) -> None:
    for made in (plain, rare):
        kernel.spawn(made.name, made)
    for start in range(0, many, _GROUP):
        report.progress(f"{start:,} of {many:,} runs")
        inputs = [{"n": number} for number in range(start, min(start + _GROUP, many))]
        handles = kernel.submit_many("plain", inputs[2:])
        handles += kernel.submit_many("rare", inputs[:2])
        for handle in handles:
            handle.result(timeout=60)


def _measure(report: Any, connection: Unix, many: int) -> None:
    report.progress("pages")
    pages = _all_pages(connection, many)
    paths, costs = [path for path, _ in pages], [cost for _, cost in pages]
    rounds = 3 if report.quick else _ROUNDS
    first, last = (_cost(connection, path, rounds) for path in (paths[0], paths[-2]))
    size = f"of {many:,} runs"
    report.ratio(f"GET /v1/runs, the last page {size} beside the first", last, first, at_least=0.67)
    late, early = median(costs[-(len(costs) // 4) :]), median(costs[: len(costs) // 4])
    report.ratio("the last quarter of the pages beside the first", late, early, at_least=0.67)
    report.note(f"all pages of {_PAGE}, {size}", sum(costs) / 1e3, "ms")
    filtered = _cost(connection, f"/v1/runs?agent=rare&limit={_PAGE}", rounds)
    report.at_most(f"the runs of a rare agent, {size}", filtered / 1e3, 100.0, "ms")
    status = _cost(connection, "/v1/status", rounds)
    report.at_most(f"GET /v1/status beside {many:,} runs", status / 1e3, 3.0, "ms")


def _all_pages(connection: Unix, many: int) -> list[tuple[str, float]]:
    """Each page's path, and the microseconds that it took."""
    found, seen = [], 0
    path = f"/v1/runs?limit={_PAGE}"
    while path:
        begun = time.perf_counter()
        body, headers = connection.asked("GET", path)
        found.append((path, (time.perf_counter() - begun) * 1e6))
        seen += len(json.loads(body))
        link = re.match(r'<(.*)>; rel="next"', headers.get("link", ""))
        path = link[1] if link else ""
    if seen != many:
        raise RuntimeError(f"the pages have {seen} runs of {many}")
    return found


def _cost(connection: Unix, path: str, rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        connection.asked("GET", path)
        taken.append(time.perf_counter() - begun)
    return median(taken) * 1e6

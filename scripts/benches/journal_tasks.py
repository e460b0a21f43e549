"""Whole tasks on the durable journal, and the start of a kernel that finds a large one."""

# ruff: noqa: SLF001  # what the bench of the kernel is made of serves here too

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

from retinue.bus.journal.sqlite import SqliteStore
from retinue.kernel import Kernel

LANGGRAPH = ("langgraph==1.2.22", "langgraph-checkpoint-sqlite==3.1.2")
GROUP = 1_000
WAIT = 120.0


def run(report: Any, folder: Path, module: Callable[[str], ModuleType]) -> None:
    """The figures of whole tasks; ``module`` gives a bench beside this file, by its name."""
    kernel = module("kernel")
    _beside_naive(report, folder, kernel)
    _beside_langgraph(report, folder, kernel)
    _start(report, folder, module("journal_events"), kernel.REFERENCES / "journal_start.py")


# Whole tasks, committed and mirrored


def _beside_naive(report: Any, folder: Path, kernel: Any) -> None:
    count = 1_000 if report.quick else 10_000
    with (
        kernel._server() as server,
        _temporary(folder) as own,
        _committed(kernel, server.url, own) as tasks,
        kernel._reference("naive").Naive(server.url, Path(own) / "naive.db") as naive,
    ):
        naive.run(kernel.IN_FLIGHT, kernel.IN_FLIGHT)
        ours, theirs = [], []
        for turn in range(1 if report.quick else 7):
            report.progress(f"a whole task, committed and mirrored, round {turn + 1}")
            theirs.append(kernel._costs(lambda: naive.run(count, kernel.IN_FLIGHT), count))
            ours.append(kernel._costs(lambda: tasks.run(count), count))
    mine, other = kernel._medians(ours), kernel._medians(theirs)
    report.ratio(
        "a whole task, committed with FULL and mirrored, 1,000 in flight",
        mine[0],
        other[0],
        at_least=1.0,
    )
    report.note("the same, processor time", mine[1], "µs")
    report.note("the naive design's, a row an event: processor time", other[1], "µs")


def _committed(kernel: Any, url: str, folder: str) -> Any:
    """The bench's tasks, on a kernel with a state folder."""
    tasks = kernel.Tasks(url)
    tasks.kernel = Kernel("bench-committed", redis=url, state_dir=Path(folder) / "state")
    return tasks


# langgraph


def _beside_langgraph(report: Any, folder: Path, kernel: Any) -> None:
    python = _langgraph(report, kernel)
    if python is None:
        return
    rounds = 2 if report.quick else 20
    script = str(kernel.REFERENCES / "langgraph_graph.py")
    count = "100" if report.quick else "500"
    with _temporary(folder) as own, Kernel("bench-graph", state_dir=own) as ours:
        for number in range(100):
            ours.spawn(f"last-{number}", kernel.last)
            ours.spawn(f"middle-{number}", kernel._passing(f"last-{number}"))
            ours.spawn(f"first-{number}", kernel._passing(f"middle-{number}"))
        kernel._chained(ours)
        report.compare(
            "a run through three agents, committed with FULL, beside langgraph on SQLite",
            lambda: kernel._clocked(
                lambda: [kernel._chained(ours) for _ in range(rounds)], 100 * rounds
            ),
            lambda: kernel._figure([str(python), script, count, str(folder)], {}),
            at_least=30,
            rounds=3,
        )
    row = report.rows[-1]
    report.note("runs through three agents", 1e6 / row.ours, "runs/s")
    report.note("langgraph's runs through three nodes", 1e6 / row.reference, "runs/s")


def _langgraph(report: Any, kernel: Any) -> Path | None:
    python: Path | None = None
    try:
        for requirement in LANGGRAPH:
            python = kernel._environment(report, "langgraph", requirement)
            if python is None:
                return None
    except subprocess.CalledProcessError:
        report.progress("langgraph is passed over: it cannot be installed")
        return None
    return python


# Starting


def _start(report: Any, folder: Path, events: Any, script: Path) -> None:
    count = 50_000 if report.quick else 1_000_000
    with _temporary(folder) as own:
        report.progress(f"writing {count:,} events of whole runs")
        with closing(SqliteStore(Path(own) / "journal.db", "NORMAL")) as store:
            for group in events.whole_runs(count, GROUP):
                store.append(group)
        report.progress("a start that leaves a snapshot")
        without, _, _ = _started(script, own)
        if not list((Path(own) / "snapshots").glob("*.snapshot")):
            raise RuntimeError("the first start left no snapshot")
        report.progress("a start from the snapshot")
        seconds, resident, highest = _started(script, own)
    name = f"on {count:,} events"
    report.note(f"start {name}, no snapshot", without, "s")
    report.at_most(f"start {name}, a snapshot, with the interpreter's", seconds, 3.0, "s")
    report.at_most(f"start {name}, a snapshot, the whole process", resident, 300.0, "MB")
    report.note("the same at its highest", highest, "MB")


def _started(script: Path, folder: str) -> tuple[float, float, float]:
    """Seconds from before the process to the started kernel, its MB, and its MB at the highest."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(script), folder],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=WAIT,
    )
    ready, resident, highest = map(float, done.stdout.split())
    return ready - began, resident, highest


def _temporary(folder: Path) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(dir=folder)

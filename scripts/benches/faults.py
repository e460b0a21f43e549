"""The faults at full length, each counted: what was done to the kernel, and what it broke by it."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))  # the short form of each fault is a test

from faults import (  # noqa: E402
    chaos,
    clocks,
    demos,
    disturbances,
    hangs,
    harm,
    hung_tasks,
    kills,
    observers,
    storage,
    trees,
)

CHAOS, MESSAGES = 1_000, 10_000
TREES, FOREST = 1_000, 50
KILLS, CHAIN = 300, 10
CLOCKS = 200
HANGS = 100
ROUNDS, WORLD = 1_000, 100
"""Of readers: 20 of them and a listener go through each round, which makes 21 trials."""
HARM_ROUNDS, HARM_SECONDS = 40, 0.4


def run(report: Any) -> None:
    """Every fault; ``report`` is a ``report.Report``."""
    for fault in FAULTS:
        fault(report, Tally(report))


class Tally:
    """Counts what a fault did, and how often a promise was broken by it."""

    def __init__(self, report: Any) -> None:
        self.report = report
        self.counts: Counter[str] = Counter()
        self.broken = 0

    def add(self, work: Callable[[], Counter[str]]) -> None:
        """Do the work; what it raises is told, and counted."""
        try:
            self.counts.update(work())
        except AssertionError as broken:
            self.broken += 1
            self.report.progress(f"BROKEN: {broken}")

    def close(self, fault: str, shown: dict[str, str], promise: str) -> None:
        """A row for each figure of ``shown``, and the one that has to be 0."""
        for name, unit in shown.items():
            self.report.note(f"{fault}: {name}", self.counts[name], unit)
        self.report.at_most(f"{fault}: {promise}", self.broken, 0, "broken")


def _chaos(report: Any, tally: Tally) -> None:
    runs = 10 if report.quick else CHAOS
    for seed in range(runs):
        if seed % 100 == 0:
            report.progress(f"chaos, run {seed} of {runs}")
        tally.add(lambda seed=seed: chaos.run(seed, MESSAGES) + Counter(runs=1))
    shown = dict.fromkeys(("runs", "messages", "failed", "restarts", "lost", "asks"), "")
    tally.close("chaos", shown, "every message accounted for, every ask answered")


def _trees(report: Any, tally: Tally) -> None:
    runs = 50 if report.quick else TREES
    for first in range(0, runs, FOREST):
        report.progress(f"cancelled trees, {first} of {runs}")
        tally.add(lambda first=first: trees.run(range(first, first + FOREST)))
    shown = dict.fromkeys(("trees", "tasks", "cancels", "cancelled", "events"), "")
    tally.close("cancel", shown, "one end each within a second, nothing after it")


def _kills(report: Any, tally: Tally) -> None:
    points = CHAIN if report.quick else KILLS
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, points, CHAIN):
            report.progress(f"kill -9, point {first} of {points}")
            seeds = range(first, first + CHAIN)
            tally.add(lambda seeds=seeds: kills.run(Path(folder), seeds))
    shown = dict.fromkeys(
        ("kills", "event", "instant", "uncommitted", "torn", "accepted", "effects", "unknown"), ""
    )
    tally.close("kill -9", shown, "ends as undisturbed, nothing lost, no effect twice")


def _storage(report: Any, tally: Tally) -> None:
    for name, fault in storage.FAULTS.items():
        report.progress(f"storage, {name}")
        with tempfile.TemporaryDirectory() as folder:
            tally.add(lambda fault=fault, folder=folder: fault(Path(folder)))
    shown = dict.fromkeys(("faults", "accepted", "refused"), "")
    tally.close("storage", shown, "accepted work kept, new work refused, on again after it")


def _clocks(report: Any, tally: Tally) -> None:
    runs = 10 if report.quick else CLOCKS
    report.progress(f"a clock that jumps, {runs} runs")
    for seed in range(runs):
        tally.add(lambda seed=seed: clocks.run(seed))
    shown = dict.fromkeys(("runs", "jumps", "tasks"), "")
    tally.close("clock", shown, "the same outcomes as without a jump")


def _observers(report: Any, tally: Tally) -> None:
    rounds, world = (24, 12) if report.quick else (ROUNDS, WORLD)
    for first in range(0, rounds, world):
        report.progress(f"readers, round {first} of {rounds}")
        keeps = first // world % 2 == 0
        seeds = range(first, first + world)
        tally.add(lambda seeds=seeds, keeps=keeps: observers.run(seeds, keeps=keeps))
    shown = dict.fromkeys(("rounds", "trials", "events", "gaps", "in gaps", "filled"), "")
    shown |= dict.fromkeys(("given twice", "telemetry"), "")
    shown |= {name: "" for name in sorted(tally.counts) if name.startswith("trials: ")}
    missing = [d for d in disturbances.DISTURBANCES if not _done(d, tally.counts)]
    if missing:
        report.progress(f"not drawn: {', '.join(missing)}")
    tally.close("observers", shown, "each event once, or in an exact gap that can be filled")


def _done(disturbance: str, counts: Counter[str]) -> bool:
    return any(name.startswith(f"trials: {disturbance}") for name in counts)


def _harm(report: Any, _tally: Tally) -> None:
    rounds, seconds = (1, 0.1) if report.quick else (HARM_ROUNDS, HARM_SECONDS)
    patient = harm.Patient()
    try:
        patient.pace(seconds, harm.Pace())
        for name in harm.HARMS:
            report.progress(f"a kernel's pace, {name}")
            cost = harm.measure(patient, name, rounds, seconds)
            report.note(f"{name}: p99 more than without", round(cost.p99, 1), "%")
            report.note(f"{name}: tasks a second fewer", round(cost.rate, 1), "%")
            report.note(f"{name}: processor's time more for a task", round(cost.cpu, 1), "%")
            report.at_most(f"{name}: memory", round(cost.memory, 1), 32, "MB")
            if harm.HARMS[name][1]:
                report.at_most(f"{name}: bus.degraded after", round(cost.degraded, 2), 2, "s")
    finally:
        patient.close()


def _demos(report: Any, tally: Tally) -> None:
    if not demos.has_model():
        report.progress("demo: left out, the local model is not installed")
        return
    for agent, kind in demos.POINTS[: 1 if report.quick else None]:
        report.progress(f"the demo, killed at the {agent}'s {kind}")
        with tempfile.TemporaryDirectory() as folder:
            tally.add(lambda at=(agent, kind), folder=folder: demos.run(Path(folder), *at))
    tally.close("demo", {"kills": ""}, "the question is answered")


def _hangs(report: Any, tally: Tally) -> None:
    if not hangs.possible():
        report.progress("hangs: left out, this host does not give plugins their walls")
        return
    times = 2 if report.quick else HANGS
    over: list[float] = []
    for kind in hangs.KINDS:
        report.progress(f"plugins that hang, {kind} × {times}")
        with tempfile.TemporaryDirectory() as folder:
            tally.add(lambda kind=kind, folder=folder: hangs.run(Path(folder), kind, times, over))
    longest = max(over, default=0.0)
    report.at_most("hangs: gone after the deadline, the slowest", longest, 0.5, "s")
    tally.close("hangs", {"hangs": ""}, "killed, and no process left")


def _hung_tasks(report: Any, tally: Tally) -> None:
    if not hangs.possible():
        return
    rounds = 2 if report.quick else HANGS // 2
    report.progress(f"tasks whose plugins hang, {rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        tally.add(lambda: hung_tasks.run(folder, rounds))
    shown = dict.fromkeys(("hangs", "answered", "dead"), "")
    tally.close("hung tasks", shown, "answered in the next attempt, or a dead letter")


FAULTS = (
    _chaos, _trees, _kills, _storage, _clocks, _observers, _harm, _demos, _hangs, _hung_tasks,
)  # fmt: skip

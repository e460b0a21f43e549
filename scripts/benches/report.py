"""The table of a bench: ours, the reference, the ratio, the target, and whether it is met."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median

COLUMNS = ("name", "ours", "reference", "ratio", "target", "met")


@dataclass(frozen=True)
class Row:
    """One figure. ``ratio`` says how many times less than the reference ours takes."""

    bench: str
    name: str
    unit: str
    ours: float
    reference: float | None
    ratio: float | None
    target: str
    met: bool


class Report:
    """Collects rows; a person gets a table at the end, ``--json`` a line each. Progress: stderr."""

    def __init__(self, *, as_json: bool = False, quick: bool = False) -> None:
        self.quick = quick
        self.rows: list[Row] = []
        self._as_json = as_json
        self._bench = ""

    @property
    def all_met(self) -> bool:
        """True when no row missed its target."""
        return all(row.met for row in self.rows)

    def section(self, bench: str) -> None:
        """The rows that follow belong to ``bench``."""
        self._bench = bench

    def progress(self, text: str) -> None:
        """Say on stderr what is going on."""
        print(f"bench {self._bench}: {text}", file=sys.stderr, flush=True)

    def compare(
        self,
        name: str,
        ours: Callable[[], float],
        reference: Callable[[], float],
        *,
        at_least: float,
        rounds: int = 9,
        unit: str = "µs",
    ) -> None:
        """Run both by turns, and set the medians side by side; each returns its cost in ``unit``."""
        mine, theirs = [], []
        for turn in range(1 if self.quick else rounds):
            self.progress(f"{name}, round {turn + 1}")
            for figures, run in ((theirs, reference), (mine, ours)):
                gc.collect()
                figures.append(run())
        self.ratio(name, median(mine), median(theirs), at_least=at_least, unit=unit)

    def ratio(
        self, name: str, ours: float, reference: float, *, at_least: float, unit: str = "µs"
    ) -> None:
        """Two costs that were measured elsewhere."""
        ratio = reference / ours
        self._add(name, unit, ours, reference, ratio, f"≥ ×{at_least:g}", met=ratio >= at_least)

    def at_most(self, name: str, value: float, limit: float, unit: str) -> None:
        """A figure that has to stay at or below ``limit``."""
        self._add(name, unit, value, None, None, f"≤ {limit:g} {unit}", met=value <= limit)

    def at_least(self, name: str, value: float, limit: float, unit: str) -> None:
        """A figure that has to reach ``limit``."""
        self._add(name, unit, value, None, None, f"≥ {limit:g} {unit}", met=value >= limit)

    def note(self, name: str, value: float, unit: str) -> None:
        """A figure without a target."""
        self._add(name, unit, value, None, None, "", met=True)

    def close(self) -> None:
        """Print the table, or nothing more when the rows went out as JSON."""
        if self._as_json:
            return
        table = [COLUMNS, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[column]) for line in table) for column in range(len(COLUMNS))]
        for line in table:
            cells = zip(line, widths, strict=True)
            print("  ".join(cell.ljust(width) for cell, width in cells).rstrip())

    def _add(
        self,
        name: str,
        unit: str,
        ours: float,
        reference: float | None,
        ratio: float | None,
        target: str,
        *,
        met: bool,
    ) -> None:
        row = Row(self._bench, name, unit, ours, reference, ratio, target, met)
        self.rows.append(row)
        if self._as_json:
            print(json.dumps(asdict(row), ensure_ascii=False), flush=True)


def clocked(work: Callable[[], object], times: int) -> float:
    """Microseconds for each of the ``times`` things that one call of ``work`` does."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) / times * 1e6


def _cells(row: Row) -> tuple[str, ...]:
    reference = "" if row.reference is None else f"{row.reference:.4g} {row.unit}"
    ratio = "" if row.ratio is None else f"×{row.ratio:.{1 if row.ratio >= 1 else 2}f}"
    met = "" if not row.target else "yes" if row.met else "NO"
    return (
        f"{row.bench}: {row.name}",
        f"{_figure(row.ours)} {row.unit}",
        reference,
        ratio,
        row.target,
        met,
    )


def _figure(value: float) -> str:
    """Counts in full, measurements to four digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"

"""Runs the benches that are named, or all, and prints one table; exit 1 when a target is missed."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
OWN = {"main", "report"}


def main() -> int:
    """Run what the command line names."""
    names = sorted(p.stem for p in HERE.glob("*.py") if p.stem not in OWN and "_" not in p.stem)
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument(
        "bench", nargs="*", help=f"any of {', '.join(names)}; all when none is named"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a row, on stdout")
    parser.add_argument("--quick", action="store_true", help="one round each: smoke, not figures")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.bench) - set(names))
    if unknown:
        parser.error(f"no bench is called {', '.join(unknown)}; there are {', '.join(names)}")
    report = _module("report").Report(as_json=chosen.json, quick=chosen.quick)
    for name in chosen.bench or names:
        report.section(name)
        _module(name).run(report)
    report.close()
    return 0 if report.all_met else 1


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"bench_{name}", HERE / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{HERE / name}.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())

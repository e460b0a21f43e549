"""Takes the mechanism behind each guarantee out of a copy of the code and sees its test go red.

Exit 1 when a test stays green without its mechanism, fails with it, or does not run at all.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import copies
import trials
from guarantees import Guarantee, Mutant, guarantees, mutants, problems

ROOT = Path(__file__).resolve().parents[2]
CONTROL = 900.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Try what the command line names, or all."""
    options = _options(arguments)
    if wrong := problems(ROOT):
        print(*wrong, sep="\n", file=sys.stderr)
        return 1
    if options.check:
        return 0
    chosen = _chosen(options.pattern)
    if not chosen:
        print(f"no guarantee matches {' '.join(options.pattern)}", file=sys.stderr)
        return 1
    with copies.copy_of(ROOT) as frozen:  # the tree may be edited meanwhile
        return 0 if _try_all(chosen, frozen, options) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutants", description=__doc__)
    parser.add_argument("pattern", nargs="*", help="part of a sentence, a test id or a file")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--json", action="store_true", help="one JSON object a mutant, on stdout")
    parser.add_argument("--check", action="store_true", help="run nothing; are the mutants fresh?")
    parser.add_argument("--timeout", type=float, default=trials.TIMEOUT, help="seconds a mutant")
    return parser.parse_args(arguments)


def _chosen(patterns: list[str]) -> list[tuple[Guarantee, Mutant]]:
    """Guarantees in the page's order, each with its mutants."""
    of_test: dict[str, list[Mutant]] = {}
    for mutant in mutants(ROOT):
        of_test.setdefault(mutant.test, []).append(mutant)
    return [
        (guarantee, mutant)
        for guarantee in guarantees(ROOT)
        for mutant in of_test[guarantee.test]
        if not patterns or any(_matches(pattern, guarantee, mutant) for pattern in patterns)
    ]


def _matches(pattern: str, guarantee: Guarantee, mutant: Mutant) -> bool:
    words = (guarantee.sentence, guarantee.test, mutant.file, mutant.without)
    return any(pattern.lower() in word.lower() for word in words)


def _try_all(
    chosen: list[tuple[Guarantee, Mutant]], frozen: Path, options: argparse.Namespace
) -> bool:
    tests = {guarantee.test for guarantee, _ in chosen}
    _progress(f"{len(tests)} tests with every mechanism in place")
    passed, output = trials.passing(tests, frozen, timeout=CONTROL)
    if failing := sorted(tests - passed):
        print(output, file=sys.stderr)
        _progress("red with every mechanism in place: " + ", ".join(failing))
    green = 0
    for number, (guarantee, trial) in enumerate(_trials(chosen, frozen, options), 1):
        _show(guarantee, trial, options)
        green += trial.colour != "red"
        if sys.stderr.isatty():
            _progress(f"{number} of {len(chosen)}")
    _progress(f"{len(chosen) - green} of {len(chosen)} mutants are seen")
    return not green and not failing


def _trials(
    chosen: list[tuple[Guarantee, Mutant]], frozen: Path, options: argparse.Namespace
) -> Iterator[tuple[Guarantee, trials.Trial]]:
    with ThreadPoolExecutor(options.jobs) as pool:
        running = [
            (guarantee, pool.submit(trials.try_out, mutant, frozen, timeout=options.timeout))
            for guarantee, mutant in chosen
        ]
        try:
            yield from ((guarantee, trial.result()) for guarantee, trial in running)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _show(guarantee: Guarantee, trial: trials.Trial, options: argparse.Namespace) -> None:
    mutant = trial.mutant
    if options.json:
        row = {
            "colour": trial.colour, "sentence": guarantee.sentence, "without": mutant.without,
            "test": mutant.test, "file": mutant.file, "said": trial.said,
            "seconds": round(trial.seconds, 1),
        }  # fmt: skip
        print(json.dumps(row), flush=True)
        return
    print(f"{trial.colour:<7} {guarantee.sentence}", flush=True)
    print(
        f"        without {mutant.without}: {trial.said[:120]} ({trial.seconds:.1f} s)", flush=True
    )
    if trial.colour != "red":
        print(f"        {mutant.test}, {mutant.file}", flush=True)


def _progress(said: str) -> None:
    print(said, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

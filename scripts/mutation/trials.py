"""A trial: one mutant in a copy of its own, and whether its test saw it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import copies
from guarantees import Mutant

Colour = Literal["red", "GREEN", "BROKEN"]
TIMEOUT = 60.0

_FAILED_TESTS = 1  # pytest's other codes say that no test ran: a mutant must not win by a typo
_OUTCOME = re.compile(r"^(PASSED|FAILED|ERROR) (tests/\S+::\w+)", re.MULTILINE)
_SUMMARY = re.compile(r"^(?:FAILED|ERROR) tests/.*?(?: - (.*))?$", re.MULTILINE)


@dataclass(frozen=True)
class Trial:
    """What a mutant came to. ``said`` is the test's own word; ``seconds`` is wall time."""

    mutant: Mutant
    colour: Colour
    said: str
    seconds: float


def try_out(mutant: Mutant, source: Path, *, timeout: float = TIMEOUT) -> Trial:
    """Run the mutant's test in a copy of ``source`` without the mechanism; a hang is red."""
    began = time.monotonic()
    with copies.copy_of(source) as folder:
        _apply(mutant, folder)
        code, output = _pytest(folder, [mutant.test, *mutant.args], timeout, "-x", "-rfE")
    colour, said = _verdict(code, output)
    return Trial(mutant, colour, said, time.monotonic() - began)


def passing(tests: Iterable[str], source: Path, *, timeout: float) -> tuple[set[str], str]:
    """Which tests pass in a copy with every mechanism in place, and what pytest said of the others."""
    with copies.copy_of(source) as folder:
        copies.prove_imports(folder)
        _, output = _pytest(folder, sorted(set(tests)), timeout, "-rA")
    outcomes: dict[str, set[str]] = {}
    for outcome, test in _OUTCOME.findall(output):
        outcomes.setdefault(test, set()).add(outcome)
    passed = {test for test, seen in outcomes.items() if seen == {"PASSED"}}
    return passed, re.sub(r"^PASSED .*\n", "", output, flags=re.MULTILINE)


def _apply(mutant: Mutant, folder: Path) -> None:
    path = folder / mutant.file
    path.write_text(mutant.applied(path.read_text(encoding="utf-8")), encoding="utf-8")
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()


def _pytest(
    folder: Path, tests: Sequence[str], timeout: float, *options: str
) -> tuple[int | None, str]:
    """Pytest's exit code, None after a hang, and its output."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, *tests],
        cwd=folder,
        env=copies.environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _kill_session(process)
        return None, ""
    finally:
        _kill_session(process)
    return process.returncode, output


def _kill_session(process: subprocess.Popen[str]) -> None:
    # Also after an end of its own accord: what it left in its session goes with it.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _verdict(code: int | None, output: str) -> tuple[Colour, str]:
    if code is None:
        return "red", "it hung"
    if code == 0:
        return "GREEN", "its test does not see that"
    last = output.strip().splitlines()[-1:] or [f"exit code {code}"]
    found = _SUMMARY.search(output)
    said = (found[1] or last[0]) if found else last[0]
    return ("red" if code == _FAILED_TESTS else "BROKEN"), said

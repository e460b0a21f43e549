"""The tool that tries mutants, as the tests use it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def mutation(root, session_path):
    """The tool's modules, by name."""
    import copies
    import endings
    import guarantees
    import trials

    return {"copies": copies, "endings": endings, "guarantees": guarantees, "trials": trials}


@pytest.fixture(scope="session")
def session_path(root):
    """The tool's folder on the path, for as long as the session lasts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "scripts" / "mutation"))
        yield


@pytest.fixture
def try_out(root):
    """``try_out(*arguments)``: the exit code, what was said of each mutant, and stderr."""

    def run(*arguments):
        command = [sys.executable, str(root / "scripts/mutation/main.py"), *arguments, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    return run

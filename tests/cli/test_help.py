"""Help pages as a reader sees them."""

from __future__ import annotations

import subprocess
import sys

import pytest

MAIN = "from retinue.kernel.cli import main; main()"


@pytest.mark.parametrize("command", ["run", "submit", "tail", "top"])
def test_examples_stand_on_lines_of_their_own(command):
    shown = subprocess.run(
        [sys.executable, "-P", "-c", MAIN, command, "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout
    assert "\\b" not in shown
    examples = shown.partition("  Examples:\n")[2].splitlines()
    assert examples[0].startswith("    retinue ")

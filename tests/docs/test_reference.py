"""The generated pages say what the code says."""

from __future__ import annotations

import subprocess
import sys


def build(root, *args):
    command = [sys.executable, str(root / "scripts/pages/build.py"), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def test_the_generated_pages_are_those_of_the_code(root):
    built = build(root, "--check")
    assert (built.stderr, built.returncode) == ("", 0)


def test_stale_pages_are_named_and_written_anew(root, tmp_path):
    reference = root / "docs/reference"
    pages = sorted([*reference.glob("*.md"), *reference.glob("*.json")])
    for page in pages:
        (tmp_path / "reference").mkdir(exist_ok=True)
        (tmp_path / "reference" / page.name).write_text(page.read_text() + "a line of old\n")

    checked = build(root, "--check", "--into", tmp_path)
    assert checked.returncode == 1
    assert checked.stderr.splitlines() == [
        f"stale: reference/{page.name}; run scripts/docs" for page in pages
    ]

    build(root, "--into", tmp_path)
    assert build(root, "--check", "--into", tmp_path).returncode == 0

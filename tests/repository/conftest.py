"""The tree under test, and copies of it that a test may spoil."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

ROOMS = ("actors", "bus", "kernel", "plugins")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def rooms() -> tuple[str, ...]:
    """The four folders that become ``retinue.*``."""
    return ROOMS


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder of the commands installed beside this Python."""
    return Path(sys.executable).parent


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """A copy of the rooms and of what configures their checks, under the names they install as."""
    names = tmp_path / "copy" / "build" / "names" / "retinue"
    for room in ROOMS:
        shutil.copytree(root / room, names / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path / "copy")
    return tmp_path / "copy"

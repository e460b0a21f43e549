"""Kernels on a journal file of the test's own, on virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from retinue.bus.journal.sqlite import SqliteStore
from retinue.kernel.config import Config, JournalConfig, LimitsConfig
from retinue.kernel.testing import TestKernel


class House:
    """Kernels one after the other on one folder; each is closed before the next starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "journal.db"
        self.now = 1_000_000_000.0
        self._open = ExitStack()

    def kernel(
        self, *, snapshots: bool = False, open_tasks: int = 1_000, **journal: Any
    ) -> TestKernel:
        """A started kernel; without ``snapshots`` those that are there are deleted first."""
        self.close()
        if not snapshots:
            for file in (self.folder / "snapshots").glob("*"):
                file.unlink()
        config = Config(
            journal=JournalConfig(synchronous="NORMAL", **journal),
            limits=LimitsConfig(open_tasks=open_tasks),
        )
        store = SqliteStore(self.path, "NORMAL")
        return self._open.enter_context(TestKernel(config=config, store=store, now=self.now))

    def close(self) -> None:
        """Close the kernel that runs, if one does; the next goes on a minute later."""
        self._open.close()
        self.now += 60.0


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()

"""The SQLite store: the conformance suite, and a model of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from retinue.bus.journal.sqlite import SqliteStore
from retinue.bus.journal.testing import EventStoreConformance


class TestSqliteStore(EventStoreConformance):
    def open_store(self):
        self.folder = tempfile.TemporaryDirectory()
        return SqliteStore(Path(self.folder.name) / "journal.db")

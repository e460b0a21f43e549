"""What the tests of the durable journal share."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from retinue.bus.journal.sqlite import SqliteStore
from retinue.bus.journal.testing import envelopes


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def opened(path):
    """``opened()`` is the store at ``path``, closed at the end of the test."""
    stores = []

    def open_(**options):
        stores.append(SqliteStore(path, **({"synchronous": "NORMAL"} | options)))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()


@pytest.fixture
def filled(path, opened):
    """``filled(groups, size)`` writes a journal and closes it; returns its path."""

    def fill(groups=30, size=10):
        store = opened()
        for group in range(groups):
            store.append(envelopes(size, start=1 + group * size))
        store.close()
        return path

    return fill


@pytest.fixture
def tamper():
    """``tamper(path, *statements)`` changes the file behind the store's back."""

    def change(path, *statements):
        with closing(sqlite3.connect(path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    return change


@pytest.fixture
def child():
    """``child(source, *args)`` starts a Python process; it is killed at the end of the test."""
    started = []

    def start(source, *args, **options):
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", source, *map(str, args)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=30)

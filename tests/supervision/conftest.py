"""A closed-after-the-test system, and children that write down what happens to them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from retinue.actors.child_specs import ChildSpec
from retinue.actors.runtime import System
from retinue.actors.supervisor import Supervisor
from retinue.bus.clock import ManualClock

from .children import Light


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def failures() -> list:
    """The (actor, type of error) of every failure."""
    return []


@pytest.fixture
def system(clock, failures) -> Iterator[System]:
    """A system on the manual clock, without jitter."""

    def note(ref, error, message):
        failures.append((ref.name, type(error).__name__))

    system = System("test", clock=clock, on_failure=note, chance=lambda: 0.5)
    yield system
    system.close()


@pytest.fixture
def log():
    return []


@pytest.fixture
def supervise(system, log):
    """Starts a supervisor over Light children of these names, and empties the log."""

    def start(names="abc", cls=Light, restart="permanent", **options):
        specs = [ChildSpec(name, cls, (log, name), restart=restart) for name in names]
        supervision = options.pop("supervision", None)
        ref = system.start(Supervisor, specs, name="top", supervision=supervision, **options)
        log.clear()
        return ref

    return start

"""Systems that remember their failures and are closed after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from retinue.actors.runtime import System
from retinue.bus.clock import ManualClock


class Noted(System):
    """A system with its failures in a list of (actor, error, message)."""

    def __init__(self, name: str = "test", **options) -> None:
        self.failures: list[tuple[str, BaseException, object]] = []
        options.setdefault("on_failure", self._note)
        super().__init__(name, **options)

    def _note(self, ref, error, message) -> None:
        self.failures.append((ref.name, error, message))


@pytest.fixture
def make_system() -> Iterator[Callable[..., Noted]]:
    """Makes systems, and closes them after the test."""
    made: list[Noted] = []

    def make(name: str = "test", **options) -> Noted:
        made.append(Noted(name, **options))
        return made[-1]

    yield make
    for system in made:
        system.close()


@pytest.fixture
def system(make_system) -> Noted:
    """A system on the real clock."""
    return make_system()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()

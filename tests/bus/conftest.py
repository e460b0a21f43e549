"""What the bus room's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from retinue.bus.journal.testing import eager_switching


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads take turns as often as they can while the test runs."""
    with eager_switching():
        yield

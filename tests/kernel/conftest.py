"""A running kernel for each test, and agents that several tests need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from retinue.kernel import Kernel


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with Kernel() as started:
        yield started

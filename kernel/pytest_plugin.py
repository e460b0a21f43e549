"""The fixture ``kernel`` for programs that are tested with pytest. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import TestKernel

__all__ = ["kernel"]


@pytest.fixture
def kernel() -> Iterator[TestKernel]:
    """A started kernel on virtual time, in memory; see ``retinue.kernel.testing.TestKernel``."""
    from .testing import running_kernel

    with running_kernel() as started:
        yield started

"""A cancel reaches everything under it: one terminal event, and nothing after it."""

from __future__ import annotations

import pytest

from . import trees


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_a_tree_that_is_cancelled_at_any_instant_ends_once_and_at_once(first):
    counts = trees.run(range(first, first + 10))
    assert counts["trees"] == 10
    assert counts["cancelled"] > 10, counts

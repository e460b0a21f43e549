"""kill -9 of a real daemon at seeded points: what was accepted ends, and no effect happens twice."""

from __future__ import annotations

import pytest

from . import kills


@pytest.mark.parametrize("first", [0, 5])
def test_a_killed_daemon_goes_on_as_if_it_had_not_been(tmp_path, first):
    counts = kills.run(tmp_path, range(first, first + 5))
    assert counts["kills"] == 5
    assert counts["accepted"] > counts["kills"]

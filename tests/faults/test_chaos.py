"""Sent = handled + failed + lost + pending, and every ask answered, on virtual time."""

from __future__ import annotations

import pytest

from . import chaos


@pytest.mark.parametrize("seed", range(15))
def test_no_message_and_no_ask_is_lost_whatever_crashes_stops_or_overflows(seed):
    counts = chaos.run(seed, messages=10_000)
    assert min(counts[what] for what in ("failed", "restarts", "lost", "rejected", "asks")) > 0

"""Token buckets: never more than the rate and the burst allow, and nobody starts in a pause."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.actors.pipeline.rates import Bucket, Rate, paused, take

rates = st.builds(
    Rate,
    per_second=st.floats(0.1, 1000.0),
    burst=st.integers(1, 50),
    wait=st.floats(0.0, 60.0),
)
gaps = st.one_of(st.just(0.0), st.floats(0.0, 5.0))
pauses = st.one_of(st.just(None), st.just(None), st.floats(0.0, 10.0))
steps = st.lists(st.tuples(gaps, pauses), max_size=80)


def starts_of(rate, steps):
    """When each call came, when it may start, and up to when there was a pause when it came."""
    now, until, bucket, starts = 0.0, 0.0, Bucket(), []
    for gap, seconds in steps:
        now += gap
        if seconds is not None:
            bucket = paused(bucket, now, seconds)
            until = max(until, now + seconds)
        bucket, wait = take(rate, bucket, now)
        if wait is not None:
            starts.append((now, now + wait, until))
    return starts


@given(rates, steps)
def test_no_window_holds_more_starts_than_the_burst_and_the_rate_allow(rate, steps):
    starts = [start for _, start, _ in starts_of(rate, steps)]
    for i, first in enumerate(starts):
        for j in range(i, len(starts)):
            window = starts[j] - first
            assert j - i + 1 <= rate.burst + window * rate.per_second + 1e-6


@given(rates, steps)
def test_calls_start_in_the_order_in_which_they_came_and_none_waits_too_long(rate, steps):
    found = starts_of(rate, steps)
    starts = [start for _, start, _ in found]
    assert all(later >= sooner - 1e-9 for sooner, later in pairwise(starts))
    assert all(start - came <= rate.wait + 1e-9 for came, start, _ in found)


@given(rates, steps)
def test_no_call_that_comes_in_a_pause_starts_before_its_end(rate, steps):
    for _, start, until in starts_of(rate, steps):
        assert start >= until - 1e-9


@given(rates)
def test_a_call_that_is_refused_takes_nothing(rate):
    bucket = Bucket(paid=1e6)
    after, wait = take(rate, bucket, 0.0)
    assert wait is None
    assert after == bucket


def test_a_bucket_that_rested_lets_its_burst_through_at_once_and_then_its_rate():
    rate, bucket, waits = Rate(10.0, burst=3), Bucket(), []
    for _ in range(5):
        bucket, wait = take(rate, bucket, 100.0)
        waits.append(wait)
    assert waits == pytest.approx([0.0, 0.0, 0.0, 0.1, 0.2])


def test_a_shorter_pause_does_not_end_a_longer_one():
    assert paused(paused(Bucket(), 0.0, 10.0), 1.0, 2.0).paused == 10.0

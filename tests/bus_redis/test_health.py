"""When the mirror is degraded, what it reports, and how long it waits."""

from __future__ import annotations

import pytest

from retinue.bus.messages import BusDegraded, BusRestored
from retinue.bus.redis.health import Health, failed, recovered, retry_delay


def test_the_first_failure_is_reported_and_the_next_ones_are_not():
    health, report = failed(Health(), 10.0, "away")
    assert health.degraded
    assert report == BusDegraded("away")
    health, report = failed(health, 11.0, "still away")
    assert report is None
    assert (health.since, health.attempts, health.reason) == (10.0, 2, "still away")


def test_recovery_tells_how_long_it_took_and_what_was_dropped_since_the_last_one():
    health, _ = failed(Health(), 10.0, "away")
    health, report = recovered(health, 12.5, 7)
    assert report == BusRestored(2.5, 7)
    assert not health.degraded
    health, _ = failed(health, 20.0, "away")
    health, report = recovered(health, 21.0, 9)
    assert report == BusRestored(1.0, 2)


def test_success_while_live_reports_nothing():
    assert recovered(Health(), 1.0, 0) == (Health(), None)


@pytest.mark.parametrize(
    ("attempts", "chance", "delay"),
    [(1, 0.0, 0.05), (2, 0.0, 0.1), (1, 1.0, 0.025), (6, 0.0, 1.0), (10_000, 0.0, 1.0)],
)
def test_attempts_back_off_to_a_second_with_jitter(attempts, chance, delay):
    assert retry_delay(Health(0.0, attempts), chance) == pytest.approx(delay)

"""Clocks: the machine's, and one that stands still until it is moved."""

from __future__ import annotations

import math
import threading
import time

import pytest

from retinue.bus.clock import ManualClock, SystemClock


def test_the_system_clock_reads_the_machines_time():
    clock = SystemClock()
    before, now, after = time.time(), clock.time(), time.time()
    assert before <= now <= after
    before, now, after = time.monotonic(), clock.monotonic(), time.monotonic()
    assert before <= now <= after


def test_the_system_clock_takes_subscribers_and_never_calls_them():
    called = []
    unsubscribe = SystemClock().subscribe(lambda: called.append("moved"))
    unsubscribe()
    assert called == []


def test_the_manual_clock_stands_still_until_it_is_moved():
    clock = ManualClock(100.0)
    assert (clock.time(), clock.monotonic()) == (100.0, 100.0)
    clock.advance(2.5)
    assert (clock.time(), clock.monotonic()) == (102.5, 102.5)


def test_subscribers_are_told_after_the_time_has_moved():
    clock = ManualClock(0.0)
    seen = []
    clock.subscribe(lambda: seen.append(clock.time()))
    clock.advance(1)
    clock.advance(2)
    assert seen == [1.0, 3.0]


def test_an_unsubscribed_watcher_is_told_no_more():
    clock = ManualClock()
    seen = []
    unsubscribe = clock.subscribe(lambda: seen.append("moved"))
    clock.advance(1)
    unsubscribe()
    unsubscribe()
    clock.advance(1)
    assert seen == ["moved"]


def test_a_watcher_may_use_the_clock_while_it_is_told():
    clock = ManualClock(0.0)
    seen = []

    def moved():
        seen.append(clock.time())
        unsubscribe()

    unsubscribe = clock.subscribe(moved)
    clock.advance(1)
    clock.advance(1)
    assert seen == [1.0]


@pytest.mark.parametrize("seconds", [-1, -math.inf, math.nan])
def test_time_does_not_go_back(seconds):
    clock = ManualClock(5.0)
    with pytest.raises(ValueError, match="time does not go back"):
        clock.advance(seconds)
    assert clock.time() == 5.0


@pytest.mark.usefixtures("eager_threads")
def test_advances_from_several_threads_all_count():
    clock = ManualClock(0.0)
    threads = [
        threading.Thread(target=lambda: [clock.advance(1) for _ in range(1_000)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert clock.time() == 4_000.0

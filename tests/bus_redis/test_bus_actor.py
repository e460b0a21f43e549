"""The actor that publishes, on the real runtime and a real Redis."""

from __future__ import annotations

import os
import signal

import pytest

from retinue.actors.bus import BusActor, hold_back
from retinue.actors.runtime.system import System
from retinue.bus.messages import BusDegraded, BusRestored
from retinue.bus.redis.subscriber import Subscriber


@pytest.fixture
def system():
    """A system that is closed at the end."""
    with System("bus-test") as system:
        yield system


def test_what_is_offered_reaches_observers_without_a_message_per_group(
    system, server, kernel, make_mirror, make_events
):
    mirror = make_mirror(server, kernel, [])
    ref = system.start(BusActor, mirror, system.after, name="bus")
    with Subscriber(server.url, kernel, 0) as reader:
        for seq in range(1, 2_001):
            mirror.offer(make_events(seq, 1))
        assert mirror.wait_published(2_000, 20.0)
        seen = [event.seq for _, event in zip(range(2_000), reader.read(10), strict=False)]
    assert seen == list(range(1, 2_001))
    assert ref.statistics().failed == 0


def test_stopping_the_actor_publishes_what_waits(
    system, server, kernel, client, make_mirror, make_events
):
    mirror = make_mirror(server, kernel, [])
    ref = system.start(BusActor, mirror, system.after)
    mirror.offer(make_events(1, 500))
    ref.stop()
    assert client.xlen(f"retinue:{{{kernel}}}:log") == 500
    assert mirror.view().state == "off"


def test_degradation_and_return_are_reported_while_nobody_sends(
    system, own_server, kernel, make_mirror, wait_until
):
    reports = []
    mirror = make_mirror(own_server, kernel, reports)
    system.start(BusActor, mirror, system.after)
    wait_until(lambda: own_server.pid)
    os.kill(own_server.pid, signal.SIGSTOP)
    wait_until(lambda: reports)
    os.kill(own_server.pid, signal.SIGCONT)
    wait_until(lambda: len(reports) == 2)
    assert [type(report) for report in reports] == [BusDegraded, BusRestored]


def test_a_caller_is_held_back_until_observers_were_told(
    system, server, kernel, make_mirror, make_events
):
    mirror = make_mirror(server, kernel, [])
    told = hold_back(mirror, system.sleep, limit=60.0)
    future = told(3)
    assert not future.settled
    system.start(BusActor, mirror, system.after)
    mirror.offer(make_events(1, 3))
    assert future.get(timeout=20) is None
    assert mirror.published == 3
    assert told(3) is None


def test_a_caller_is_held_back_no_longer_than_the_limit(system, server, kernel, make_mirror):
    mirror = make_mirror(server, kernel, [])
    system.start(BusActor, mirror, system.after)
    assert hold_back(mirror, system.sleep, limit=0.01)(7).get(timeout=20) is None
    assert mirror.published == 0


def test_after_one_wait_in_vain_nobody_is_held_back_until_something_is_published(
    system, server, kernel, make_mirror, make_events
):
    mirror = make_mirror(server, kernel, [])
    told = hold_back(mirror, system.sleep, limit=0.01)
    assert told(1).get(timeout=20) is None
    assert told(2) is None
    system.start(BusActor, mirror, system.after)
    mirror.offer(make_events(1, 2))
    assert mirror.wait_published(2, 20.0)
    assert told(3) is not None


def test_nobody_is_held_back_while_redis_is_away(system, own_server, kernel, make_mirror):
    mirror = make_mirror(own_server, kernel, [])
    os.kill(own_server.pid, signal.SIGSTOP)
    told = hold_back(mirror, system.sleep, limit=1_000.0)
    future = told(1)
    system.start(BusActor, mirror, system.after)
    assert future.get(timeout=20) is None
    assert told(2) is None

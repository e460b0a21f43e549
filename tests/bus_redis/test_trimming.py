"""The stream is as long and as old as it may be, and a registered reader is told of before it is passed."""

from __future__ import annotations

import pytest

from retinue.bus.clock import ManualClock
from retinue.bus.messages import BusReaderPassed
from retinue.bus.redis.publisher import Publisher
from retinue.bus.topics import Selection, readers_key, stream


@pytest.fixture
def make(server, kernel):
    """``make(**options)``: a publisher whose stream is bounded."""
    made = []

    def make(**options):
        made.append(Publisher(server.url, kernel, "j", **options))
        return made[-1]

    yield make
    for publisher in made:
        publisher.close()


def test_what_is_too_old_goes_and_the_newest_event_stays(client, kernel, make, make_events):
    clock = ManualClock(1e9 + 1_000)
    publisher = make(max_age=500.0, clock=clock)
    publisher.publish(spread(make_events(1, 1_000)))  # one a second, the last one now
    publisher.trim(never)
    assert seqs(client, kernel) == list(range(501, 1_001))
    clock.advance(100.0)
    publisher.trim(never)
    assert seqs(client, kernel) == list(range(601, 1_001))
    clock.advance(10_000.0)
    publisher.trim(never)
    assert seqs(client, kernel) == [1_000]


def test_the_age_of_what_an_earlier_start_left_counts_as_well(client, kernel, make, make_events):
    make().publish(spread(make_events(1, 100)))
    publisher = make(max_age=50.0, clock=ManualClock(1e9 + 100))
    publisher.standing(101)
    publisher.trim(never)
    assert seqs(client, kernel) == list(range(51, 101))


def test_age_is_looked_at_now_and_then_and_not_for_each_group(client, kernel, make, make_events):
    clock = ManualClock(1e9 + 100)
    publisher = make(max_age=64.0, clock=clock)
    publisher.publish(spread(make_events(1, 100)))
    publisher.trim(never)
    clock.advance(1.9)
    publisher.trim(never)
    assert seqs(client, kernel)[0] == 37
    clock.advance(0.1)
    publisher.trim(never)
    assert seqs(client, kernel)[0] == 39


def test_a_sparse_stream_is_trimmed_by_age_as_well(client, kernel, make, make_events):
    sparse = Selection(["type=* run=r-1"])
    events = spread(
        make_events(1, 60, run="r-2") + make_events(61, 5) + make_events(66, 30, run="r-2")
    )
    publisher = make(max_age=33.0, clock=ManualClock(1e9 + 96))
    publisher.publish(sparse.chosen(events), 0)
    publisher.trim(never)
    assert seqs(client, kernel) == [64, 65]


def test_garbage_at_the_old_end_does_not_keep_the_stream_from_being_trimmed(
    client, kernel, make, make_events
):
    client.xadd(stream(kernel), {"some": "thing", "else": "{"}, id="1-0")
    publisher = make(max_age=5.0, clock=ManualClock(1e9 + 20))
    publisher.publish(spread(make_events(10, 11)))
    publisher.trim(never)
    assert seqs(client, kernel) == list(range(16, 21))


def test_a_reader_is_told_of_before_it_is_passed(client, kernel, make, make_events):
    publisher = make(max_entries=300)
    publisher.publish(make_events(1, 300))
    client.hset(readers_key(kernel), mapping={"slow": 40, "quick": 300})
    publisher.publish(make_events(301, 300))
    told = []

    def report(passed):
        told.append((passed, client.xlen(stream(kernel))))

    publisher.trim(report)
    assert told == [(BusReaderPassed("slow", 40, 301), 600)]
    assert client.xlen(stream(kernel)) < 600


def test_a_reader_that_age_would_pass_is_told_of_as_well(client, kernel, make, make_events):
    publisher = make(max_age=50.0, clock=ManualClock(1e9 + 100))
    publisher.publish(spread(make_events(1, 100)))
    client.hset(readers_key(kernel), mapping={"slow": 10, "in time": 50})
    told = []
    publisher.trim(told.append)
    assert told == [BusReaderPassed("slow", 10, 51)]
    assert seqs(client, kernel) == list(range(51, 101))


def test_a_reader_that_has_all_that_goes_is_not_told_of(client, kernel, make, make_events):
    publisher = make(max_entries=300)
    publisher.publish([event for event in make_events(1, 1_200) if event.seq % 2], 0)
    # 600 entries under 1,200 numbers: its distance alone does not show that it is safe.
    client.hset(readers_key(kernel), "half way", 600)
    publisher.trim(never)
    assert client.xlen(stream(kernel)) < 600


def test_a_reader_that_stays_behind_is_told_of_once_in_ten_seconds(
    client, kernel, make, make_events
):
    clock = ManualClock()
    publisher = make(max_entries=100, clock=clock)
    client.hset(readers_key(kernel), "slow", 1)
    told = []
    for first in range(1, 2_001, 200):
        publisher.publish(make_events(first, 200))
        publisher.trim(told.append)
    assert [passed.reader for passed in told] == ["slow"]
    clock.advance(10.0)
    publisher.publish(make_events(2_001, 200))
    publisher.trim(told.append)
    assert [passed.reader for passed in told] == ["slow", "slow"]


@pytest.mark.parametrize("count", [30, 2_000])
def test_many_readers_behind_are_told_of_in_part_and_hold_nothing_up(
    client, kernel, make, make_events, count
):
    publisher = make(max_entries=100)
    client.hset(readers_key(kernel), mapping={f"reader {n}": n % 7 for n in range(count)})
    publisher.publish(make_events(1, 1_000))
    told = []
    publisher.trim(told.append)
    assert 1 <= len(told) <= 16
    assert client.xlen(stream(kernel)) < 300


def test_what_is_no_cursor_is_passed_over_and_a_long_name_is_cut(client, kernel, make, make_events):
    publisher = make(max_entries=100)
    wild = {"a": "x", "b": "", "c": "-5", b"\xff" * 5_000: "5", "e": "9" * 400}
    client.hset(readers_key(kernel), mapping=wild)
    publisher.publish(make_events(1, 1_000))
    told = []
    publisher.trim(told.append)
    assert [(len(passed.reader), passed.cursor) for passed in told] == [(200, 5)]
    assert client.xlen(stream(kernel)) < 300


def test_the_mirror_trims_as_it_publishes(server, client, kernel, make_mirror, make_events):
    reports = []
    mirror = make_mirror(server, kernel, reports, stream_length=256)
    client.hset(readers_key(kernel), "slow", 1)
    for first in range(1, 5_001, 100):
        mirror.offer(make_events(first, 100))
        mirror.step()
        assert client.xlen(stream(kernel)) < 256 + 256 + 200
    assert [type(report) for report in reports] == [BusReaderPassed]


def never(passed):
    raise AssertionError(f"nobody was to be passed: {passed}")


def spread(events):
    """The same events, a second apart."""
    from msgspec.structs import replace

    return [
        replace(event, envelope=replace(event.envelope, time=1e9 + event.seq)) for event in events
    ]


def seqs(client, kernel):
    return [int(entry.partition(b"-")[0]) for entry, _ in client.xrange(stream(kernel))]

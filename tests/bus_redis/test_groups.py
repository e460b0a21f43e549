"""A group's consumers share the events: each is dealt with at least once, or a gap, or poison."""

from __future__ import annotations

import os
import signal

import pytest

from retinue.bus.errors import InvalidInput, Unavailable
from retinue.bus.redis.gaps import Gap
from retinue.bus.redis.groups import Delivery, GroupReader, Poison
from retinue.bus.redis.private import PrivateServer
from retinue.bus.redis.publisher import Publisher
from retinue.bus.topics import journal_key, stream
from retinue.bus.wire import EventEncoder

SOON = 0.05
"""Seconds after which what is not acknowledged goes to somebody else."""


def test_two_consumers_share_the_events_and_each_is_dealt_with_once(
    server, publisher, kernel, make_events
):
    options = {"idle": 3600}
    with _reader(server, kernel, "a", **options) as a, _reader(server, kernel, "b", **options) as b:
        publisher.publish(make_events(1, 150))
        first = _take(a, 1)
        publisher.publish(make_events(151, 50))
        seen = first + _all(b, 0.05) + _all(a, 0.05)
        assert sorted(seen) == list(range(1, 201))
        assert a.lag().pending == {}


def test_a_new_group_begins_now_at_the_first_or_after_a_seq(server, publisher, kernel, make_events):
    publisher.publish(make_events(1, 5))
    with _reader(server, kernel, group="now", start="now") as now:
        publisher.publish(make_events(6, 1))
        assert _take(now, 1) == [6]
    with _reader(server, kernel, group="first", start="first") as oldest:
        assert _take(oldest, 6) == [1, 2, 3, 4, 5, 6]
    with _reader(server, kernel, group="third", start=3) as third:
        assert _take(third, 3) == [4, 5, 6]


def test_what_a_dead_consumer_left_undone_goes_to_another(server, publisher, kernel, make_events):
    publisher.publish(make_events(1, 3))
    dead = _reader(server, kernel, "dead")
    dead.open()
    assert [item.event.seq for item in _items(dead, 3)] == [1, 2, 3]
    dead.close()  # without a word to Redis, like a process that is killed
    with _reader(server, kernel, "heir") as heir:
        items = _items(heir, 3)
        assert [(item.event.seq, item.times) for item in items] == [(1, 2), (2, 2), (3, 2)]
        heir.acknowledge(*items)
        assert heir.lag().pending == {}


def test_a_consumer_that_is_started_again_gets_at_once_what_it_left_undone(
    server, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 3))
    with _reader(server, kernel, "a", idle=3600) as a:
        done, *_ = _items(a, 3)
        a.acknowledge(done)
    with _reader(server, kernel, "a", idle=3600) as again:
        assert [item.event.seq for item in _items(again, 2)] == [2, 3]


def test_what_a_consumer_holds_is_not_handed_to_itself_again(
    server, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 2))
    with _reader(server, kernel) as reader:
        held = _items(reader, 2)
        assert list(reader.read(3 * SOON)) == []
        reader.acknowledge(*held)


def test_an_event_that_nobody_can_deal_with_ends_as_poison(server, publisher, kernel, make_events):
    publisher.publish(make_events(1, 1))
    for times in (1, 2, 3):
        with _reader(server, kernel, f"victim-{times}", attempts=3) as victim:
            (item,) = _items(victim, 1)
            assert (type(item), item.times) == (Delivery, times)
    with _reader(server, kernel, "last", attempts=3) as last:
        (item,) = list(last.read(4 * SOON))
        assert (type(item), item.event.seq, item.times) == (Poison, 1, 3)
        assert last.lag().pending == {}


def test_lag_tells_what_waits_and_what_is_not_done(server, publisher, kernel, make_events):
    publisher.publish(make_events(1, 2))
    with _reader(server, kernel, "a") as a:
        one, two = _items(a, 2)
        a.acknowledge(one)
        publisher.publish(make_events(3, 4))
        lag = a.lag()
        assert (lag.waiting, lag.pending, lag.oldest) == (4, {"a": 1}, 2)
        a.acknowledge(two)


def test_what_was_trimmed_before_anybody_got_it_is_a_gap(
    server, client, publisher, kernel, make_events
):
    with _reader(server, kernel) as reader:
        publisher.publish(make_events(1, 50))
        client.xtrim(stream(kernel), maxlen=10, approximate=False)
        assert _take(reader, 2) == [Gap(1, 40), 41]


def test_what_was_trimmed_after_a_consumer_died_of_it_is_a_gap(
    server, client, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 3))
    dead = _reader(server, kernel, "dead")
    dead.open()
    _items(dead, 3)
    dead.close()
    client.xtrim(stream(kernel), maxlen=1, approximate=False)
    with _reader(server, kernel, "heir") as heir:
        assert sorted(_all(heir, 4 * SOON), key=_first) == [Gap(1, 1), Gap(2, 2), 3]
        assert heir.lag().pending == {}


def test_garbage_in_the_stream_is_a_gap_and_is_not_handed_out_again(
    server, client, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 1))
    client.xadd(stream(kernel), {"event": b"\xff\x00"}, id="2-0")
    client.xadd(stream(kernel), {"nothing": "here"}, id="2-1")
    with _reader(server, kernel) as reader:
        assert _all(reader, 4 * SOON) == [1, Gap(2, 2)]
        assert reader.lag().pending == {}


def test_events_that_are_not_wanted_wait_for_nobody(server, publisher, kernel, make_events):
    publisher.publish(make_events(1, 2, "tool.called") + make_events(3, 2, "run.started"))
    with _reader(server, kernel, types=["run.*"]) as reader:
        assert _take(reader, 2) == [3, 4]
        assert reader.lag().pending == {}


def test_a_group_that_redis_lost_goes_on_with_what_was_not_done(
    server, client, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 3))
    with _reader(server, kernel) as reader:
        assert _take(reader, 3) == [1, 2, 3]
        client.delete(stream(kernel))
        assert list(reader.read(SOON)) == []
        for event in make_events(4, 2):
            client.xadd(
                stream(kernel), {"seq": event.seq, "event": _wire(event)}, id=f"{event.seq}-0"
            )
        assert _take(reader, 2) == [4, 5]


def test_a_group_goes_over_to_a_new_journal(server, client, kernel, make_events):
    old = Publisher(server.url, kernel, "journal-1")
    old.publish(make_events(1, 10))
    old.disconnect()
    with _reader(server, kernel) as reader:
        assert _take(reader, 10) == list(range(1, 11))
        client.delete(stream(kernel), journal_key(kernel))
        new = Publisher(server.url, kernel, "journal-2")
        new.publish(make_events(1, 2))
        assert _take(reader, 3) == [Gap(1, 0, anew=10), 1, 2]
        new.close()


def test_a_consumer_whose_server_was_killed_goes_on(binary, kernel, make_events, wait_until):
    server = PrivateServer(binary)
    server.start()
    publisher = Publisher(server.url, kernel, "j")
    publisher.publish(make_events(1, 3))
    with _reader(server, kernel) as reader:
        assert _take(reader, 3) == [1, 2, 3]
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: _published(publisher, make_events(4, 2)))
        assert _take(reader, 2) == [4, 5]
    server.stop()


def test_a_closed_reader_refuses_to_acknowledge(server, publisher, kernel, make_events):
    publisher.publish(make_events(1, 1))
    reader = _reader(server, kernel)
    reader.open()
    (item,) = _items(reader, 1)
    reader.close()
    with pytest.raises(Unavailable, match="open another"):
        reader.acknowledge(item)


@pytest.mark.parametrize("wrong", [{"group": ""}, {"consumer": ""}, {"idle": 0}, {"attempts": 0}])
def test_a_reader_without_names_or_bounds_is_refused(server, kernel, wrong):
    with pytest.raises(InvalidInput):
        _reader(server, kernel, **wrong)


def _reader(server, kernel, consumer="a", group="g", start="first", idle=SOON, **options):
    return GroupReader(server.url, group, consumer, kernel, start, idle=idle, **options)


def _items(reader, count):
    taken = []
    for item in reader.read(10):
        taken.append(item)
        if len(taken) == count:
            break
    return taken


def _take(reader, count):
    return [_done(reader, item) for item in _items(reader, count)]


def _all(reader, seconds):
    return [_done(reader, item) for item in reader.read(seconds)]


def _done(reader, item):
    if isinstance(item, Gap):
        return item
    reader.acknowledge(item)
    return item.event.seq


def _first(item):
    return item.first if isinstance(item, Gap) else item


def _wire(event):
    return EventEncoder("k").encode(event, event.seq - 1)


def _published(publisher, events):
    try:
        return publisher.publish(events)
    except Unavailable:
        return 0

"""Observers get each event once and in order, or are told exactly what they missed."""

from __future__ import annotations

import os
import signal

import pytest
from msgspec.structs import replace

from retinue.bus.errors import InvalidInput, Unavailable
from retinue.bus.redis.client import command_client
from retinue.bus.redis.gaps import Gap, missed
from retinue.bus.redis.private import PrivateServer
from retinue.bus.redis.publisher import Publisher
from retinue.bus.redis.subscriber import Subscriber
from retinue.bus.topics import stream


def test_a_reader_from_now_gets_what_comes_after_it_opened(server, publisher, kernel, make_events):
    publisher.publish(make_events(1, 5))
    with Subscriber(server.url, kernel) as reader:
        publisher.publish(make_events(6, 3))
        assert _take(reader, 3) == [6, 7, 8]


def test_a_reader_from_the_first_gets_all_that_redis_has(server, publisher, kernel, make_events):
    publisher.publish(make_events(1, 1_500))
    with Subscriber(server.url, kernel, start="first") as reader:
        assert _take(reader, 1_500) == list(range(1, 1_501))


def test_a_reader_from_a_seq_goes_on_after_it(server, publisher, kernel, make_events):
    publisher.publish(make_events(1, 5))
    with Subscriber(server.url, kernel, start=3) as reader:
        assert _take(reader, 2) == [4, 5]
        assert reader.cursor == 5


def test_an_event_carries_what_the_kernel_wrote(server, publisher, kernel, make_events):
    event = make_events(1, 1)[0]
    with Subscriber(server.url, kernel) as reader:
        publisher.publish([event])
        seen = next(reader.read(10))
    assert (seen.seq, seen.id, seen.type, seen.run, seen.task, seen.agent, seen.data, seen.time) == (
        event.seq, event.id, event.type, event.run, event.task, event.agent, event.data, event.time,
    )  # fmt: skip


def test_runs_and_types_are_filtered(server, publisher, kernel, make_events):
    publisher.publish(
        make_events(1, 2, "tool.called", "r-1") + make_events(3, 2, "run.started", "r-1")
    )
    publisher.publish(make_events(5, 2, "tool.returned", "r-2"))
    with Subscriber(server.url, kernel, 0, types=["tool.*"]) as reader:
        assert _take(reader, 4) == [1, 2, 5, 6]
    with Subscriber(server.url, kernel, 0, run="r-1", types=["run.*", "task.*"]) as reader:
        assert _take(reader, 2) == [3, 4]


def test_what_was_trimmed_away_is_a_gap_with_its_exact_range(
    server, client, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 50))
    client.xtrim(stream(kernel), maxlen=10, approximate=False)
    with Subscriber(server.url, kernel, start=5) as reader:
        items = reader.read(10)
        assert next(items) == Gap(6, 40)
        assert next(items).seq == 41


def test_what_the_mirror_dropped_is_a_gap_and_what_it_leaves_out_is_none(
    server, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 1))
    publisher.publish(make_events(5, 1), previous=1)  # 2 to 4 were left out by the selection
    publisher.publish(make_events(9, 1))  # 6 to 8 were dropped
    with Subscriber(server.url, kernel, 0) as reader:
        assert _take(reader, 4) == [1, 5, Gap(6, 8), 9]


def test_a_reader_that_stops_at_a_gap_gets_the_event_after_it_later(
    server, publisher, kernel, make_events
):
    publisher.publish(make_events(4, 2))
    with Subscriber(server.url, kernel, 0) as reader:
        assert next(reader.read(10)) == Gap(1, 3)
        assert _take(reader, 2) == [4, 5]


def test_reading_ends_after_silence(server, kernel):
    with Subscriber(server.url, kernel) as reader:
        assert list(reader.read(0.0)) == []


def test_a_reader_waits_for_a_kernel_that_has_not_started(
    server, publisher, kernel, make_events, in_background
):
    with Subscriber(server.url, kernel) as reader:
        seen = in_background(_take, reader, 1)
        publisher.publish(make_events(1, 1))
        assert seen() == [1]


def test_a_reader_of_an_ended_journal_goes_over_to_the_kernels_new_one(server, kernel, make_events):
    old = Publisher(server.url, kernel, "journal-1")
    old.publish(make_events(1, 10))
    old.disconnect()
    with Subscriber(server.url, kernel) as reader:
        new = Publisher(server.url, kernel, "journal-2")
        new.publish(_later(make_events(1, 2)))
        assert _take(reader, 3) == [Gap(1, 0, anew=10), 1, 2]
        assert reader.journal == "journal-2"
        new.close()


def test_a_reader_goes_on_when_the_kernel_was_started_again_on_its_journal(
    server, kernel, make_events
):
    first = Publisher(server.url, kernel, "journal-1", start="a")
    first.publish(make_events(1, 3))
    first.disconnect()
    with Subscriber(server.url, kernel, 0) as reader:
        assert _take(reader, 3) == [1, 2, 3]
        again = Publisher(server.url, kernel, "journal-1", start="b")
        again.publish(make_events(4, 2))
        assert _take(reader, 2) == [4, 5]
        with pytest.raises(Unavailable, match="another kernel"):
            first.publish(make_events(4, 1))
        again.close()


def test_a_cursor_that_was_kept_with_its_journal_says_at_once_when_that_has_ended(
    server, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 9))
    with Subscriber(server.url, kernel, 7, journal="journal-0") as reader:
        assert _take(reader, 2) == [Gap(1, 0, anew=7), 1]
    with Subscriber(server.url, kernel, 7, journal="journal-1") as reader:
        assert _take(reader, 2) == [8, 9]


def test_a_reader_whose_server_dies_while_it_waits_goes_on_where_it_stood(
    binary, kernel, make_events, in_background, wait_until
):
    server = PrivateServer(binary)
    server.start()
    publisher = Publisher(server.url, kernel, "j")
    publisher.publish(make_events(1, 3))
    with Subscriber(server.url, kernel, 0) as reader, command_client(server.url) as client:
        assert _take(reader, 3) == [1, 2, 3]
        seen = in_background(_take, reader, 2)
        wait_until(lambda: client.info("clients")["blocked_clients"] == 1)
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: _published(publisher, make_events(2, 4)))
        assert seen() == [4, 5]
    server.stop()


def test_a_reader_is_told_of_events_that_died_with_the_server(own_server, kernel, make_events):
    publisher = Publisher(own_server.url, kernel, "j")
    publisher.publish(make_events(1, 3))
    with Subscriber(own_server.url, kernel, 0) as reader, command_client(own_server.url) as client:
        assert _take(reader, 3) == [1, 2, 3]
        publisher.publish(make_events(4, 3))
        client.flushall()
        publisher.publish(make_events(7, 1))
        assert _take(reader, 2) == [Gap(4, 6), 7]


def test_closing_ends_a_read_on_another_thread(server, kernel, in_background):
    reader = Subscriber(server.url, kernel)
    reader.open()
    items = reader.read()
    ended = in_background(list, items)
    reader.close()
    assert ended() == []


def test_opening_without_a_server_is_unavailable(tmp_path):
    with pytest.raises(Unavailable, match="Redis at unix:///"):
        Subscriber(f"unix://{tmp_path}/nothing.sock").open()


@pytest.mark.parametrize("start", ["then", -1, 1.5, None])
def test_a_start_that_is_none_is_refused(server, start):
    with pytest.raises(InvalidInput, match="use 'now', 'first' or the seq"):
        Subscriber(server.url, start=start)


@pytest.mark.parametrize(
    ("cursor", "previous", "gap"),
    [
        (None, 7, None),
        (0, 0, None),
        (5, 5, None),
        (5, 4, None),
        (5, 6, Gap(6, 6)),
        (0, 9, Gap(1, 9)),
    ],
)
def test_a_gap_is_what_was_mirrored_and_not_seen(cursor, previous, gap):
    assert missed(cursor, previous) == gap


def _take(reader, count):
    """The next items: a seq for an event, a gap as it is."""
    taken = []
    for item in reader.read(10):
        taken.append(item if isinstance(item, Gap) else item.seq)
        if len(taken) == count:
            break
    return taken


def _later(events):
    """Of another boot of the kernel: each has an id of its own, and a later time."""
    return [
        replace(e, envelope=replace(e.envelope, id=f"later-{e.id}", time=e.time + 60))
        for e in events
    ]


def _published(publisher, events):
    try:
        return publisher.publish(events)
    except Unavailable:
        return 0

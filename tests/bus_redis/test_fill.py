"""What the stream does not have is asked for from the kernel, page by page, or nobody has it."""

from __future__ import annotations

import asyncio
import threading

import msgspec
import pytest
import redis

from retinue.bus.clock import ManualClock
from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import NotFound, Unavailable
from retinue.bus.journal.memory import MemoryStore
from retinue.bus.redis.async_subscriber import AsyncSubscriber
from retinue.bus.redis.client import connection
from retinue.bus.redis.exchange import Ask, Drop, Pause
from retinue.bus.redis.fill import asking
from retinue.bus.redis.fills import FillServer
from retinue.bus.redis.gaps import Gap
from retinue.bus.redis.publisher import Publisher
from retinue.bus.redis.subscriber import Subscriber
from retinue.bus.redis.wanted import Wanted
from retinue.bus.topics import Selection, fill_channel, stream
from retinue.bus.wire import EventEncoder

EVERYTHING = Wanted(None, None)


@pytest.fixture
def journal():
    return MemoryStore(max_events=3_000, identity="journal-1")


@pytest.fixture
def serving(server, client, kernel, journal, in_background):
    """The kernel's own server of fills, on a thread, for the journal."""
    pubsub = client.pubsub()
    pubsub.subscribe(fill_channel(kernel))
    assert pubsub.get_message(timeout=5)
    fills = FillServer(connection(server.url), kernel, journal, Selection())
    ended = threading.Event()

    def serve():
        while not ended.is_set():
            message = pubsub.get_message(timeout=0.05)
            if message:
                fills.hear(message["data"])
                fills.serve(0.0 if fills.served < 5 else 100.0)

    joined = in_background(serve)
    yield fills
    ended.set()
    joined()
    fills.close()
    pubsub.close()


def test_a_gap_of_another_journal_is_lost_and_never_filled_with_what_has_its_numbers_now(
    server, kernel, journal, serving, make_events
):
    journal.append([event.envelope for event in make_events(1, 5)])
    other = Publisher(server.url, kernel, "journal-0")
    other.publish(make_events(4, 1), previous=3)
    with Subscriber(server.url, kernel, 0) as reader:
        gap = next(reader.read(10))
    assert (gap, gap.journal) == (Gap(1, 3), "journal-0")
    filled = gap.fill()
    assert (list(filled), filled.lost) == ([], ((1, 3),))
    other.close()


def test_a_gap_is_filled_over_several_pages(
    server, client, publisher, kernel, journal, serving, make_events, wait_until
):
    _written(journal, publisher, make_events(1, 2_500))
    client.xtrim(stream(kernel), maxlen=100, approximate=False)
    with Subscriber(server.url, kernel, 100) as reader:
        gap = next(reader.read(10))
        assert gap == Gap(101, 2_400)
        filled = gap.fill()
        assert [event.seq for event in filled] == list(range(101, 2_401))
        assert filled.lost == ()
        assert filled[0].data == make_events(101, 1)[0].data
        wait_until(lambda: serving.served == 3)


def test_what_nobody_has_any_more_is_said_with_its_range(
    server, client, publisher, kernel, journal, serving, make_events
):
    _written(journal, publisher, make_events(1, 4_000))
    client.xtrim(stream(kernel), maxlen=10, approximate=False)
    with Subscriber(server.url, kernel, 900) as reader:
        filled = next(reader.read(10)).fill()
        (lost,) = filled.lost
        assert lost == (901, journal.first - 1)
        assert [event.seq for event in filled] == list(range(journal.first, 3_991))


def test_only_what_the_reader_wants_is_given(
    server, client, publisher, kernel, journal, serving, make_events
):
    _written(journal, publisher, make_events(1, 4, "tool.called", "r-1"))
    _written(journal, publisher, make_events(5, 4, "tool.called", "r-2"))
    _written(journal, publisher, make_events(9, 4, "run.started", "r-1"))
    client.xtrim(stream(kernel), maxlen=1, approximate=False)
    with Subscriber(server.url, kernel, 2, run="r-1", types=["tool.*"]) as reader:
        assert [event.seq for event in next(reader.read(10)).fill()] == [3, 4]


def test_a_gap_that_is_too_long_to_hold_is_filled_in_pieces(
    server, client, publisher, kernel, journal, serving, make_events
):
    _written(journal, publisher, make_events(1, 300))
    client.xtrim(stream(kernel), maxlen=50, approximate=False)
    with Subscriber(server.url, kernel, 0) as reader:
        pieces = list(next(reader.read(10)).parts(100))
        assert pieces == [Gap(1, 100), Gap(101, 200), Gap(201, 250)]
        assert [len(piece.fill()) for piece in pieces] == [100, 100, 50]


def test_a_large_body_is_fetched_when_it_is_asked_for(
    server, publisher, kernel, journal, serving, make_events
):
    body = msgspec.json.encode({"type": "tool.called", "args": "x" * 100_000})
    _written(journal, publisher, make_events(1, 1, body=body) + make_events(2, 1))
    with Subscriber(server.url, kernel, 0) as reader:
        large, small = list(_items(reader, 2))
        assert (large.data, large.dataref, large.databytes) == (None, "/v1/events/1", len(body))
        assert reader.whole(large).data == msgspec.json.decode(body)
        assert reader.whole(small) is small


def test_a_large_body_that_is_gone_is_not_found(
    server, publisher, kernel, journal, serving, make_events
):
    publisher.publish(make_events(1, 1, body=b'"' + b"x" * 100_000 + b'"'))
    with Subscriber(server.url, kernel, 0) as reader, pytest.raises(NotFound, match="event 1"):
        reader.whole(next(reader.read(10)))


def test_gaps_are_filled_on_an_event_loop(
    server, client, publisher, kernel, journal, serving, make_events
):
    async def main():
        async with AsyncSubscriber(server.url, kernel, 0) as reader:
            gap = await anext(reader.read(10))
            pieces = [await piece.fill() for piece in gap.parts(100)]
            return [event.seq for piece in pieces for event in piece]

    _written(journal, publisher, make_events(1, 150))
    client.xtrim(stream(kernel), maxlen=10, approximate=False)
    assert asyncio.run(main()) == list(range(1, 141))


def test_without_a_kernel_a_gap_says_how_it_could_be_filled(
    server, client, publisher, kernel, make_events
):
    publisher.publish(make_events(1, 5))
    client.xtrim(stream(kernel), maxlen=1, approximate=False)
    with Subscriber(server.url, kernel, 0) as reader:
        gap = next(reader.read(10))
        with pytest.raises(Unavailable, match="nobody by that name listens"):
            gap.fill(timeout=0.2)
        assert "retinue log --after 0 --before 5" in gap.how_to_fill
        assert "/v1/events?from=1" in gap.how_to_fill


def test_a_gap_of_no_reader_says_so():
    with pytest.raises(Unavailable, match="events 3 to 5"):
        Gap(3, 5).fill()


def test_a_kernel_that_is_busy_is_asked_again_when_it_says_so():
    clock = ManualClock()
    said = _answers([{"retry_after": 0.5}], [_page(1, 2, next=None), _event(1), _event(2)])
    steps = asking("k", 1, 2, 5.0, clock, EVERYTHING)
    filled, asked = _run(steps, said, clock)
    assert [event.seq for event in filled] == [1, 2]
    assert [a.seconds for a in asked if isinstance(a, Pause)] == [0.5]


def test_a_kernel_that_is_too_busy_for_the_time_there_is_is_unavailable():
    clock = ManualClock()
    said = _answers([{"retry_after": 60}])
    with pytest.raises(Unavailable, match="wait longer"):
        _run(asking("k", 1, 2, 5.0, clock, EVERYTHING), said, clock)


def test_a_request_that_was_lost_is_made_again_and_after_the_deadline_given_up():
    clock = ManualClock()
    steps = asking("k", 1, 2, 5.0, clock, EVERYTHING)
    asked = []
    with pytest.raises(Unavailable, match="did not answer in time"):
        _run(steps, iter(()), clock, asked)
    published = [a for a in asked if isinstance(a, Ask) and a.commands[0][0] == b"PUBLISH"]
    assert len(published) == 3
    assert len({msgspec.json.decode(a.commands[0][2])["id"] for a in published}) == 3


def test_an_answer_that_comes_between_two_commands_is_not_lost():
    clock = ManualClock()
    (late,) = _answers([_page(1, 1, next=None), _event(1)])
    steps = asking("k", 1, 1, 5.0, clock, EVERYTHING)
    action = next(steps)
    while isinstance(action, Pause) or action.commands[0][0] == b"PUBLISH":
        action = steps.send([1])
    with pytest.raises(StopIteration) as ended:
        steps.send([None, late])
    assert [event.seq for event in ended.value.value] == [1]


@pytest.mark.parametrize("error", [redis.TimeoutError("late"), redis.ConnectionError("cut off")])
def test_a_connection_that_is_lost_meanwhile_costs_another_attempt_and_no_gap(error):
    clock = ManualClock()
    said = _answers([_page(1, 2, next=None), _event(1), _event(2)])
    filled, asked = _run(asking("k", 1, 2, 5.0, clock, EVERYTHING), said, clock, errors=[error])
    assert [event.seq for event in filled] == [1, 2]
    assert Drop() in asked
    with pytest.raises(type(error)):
        _run(asking("k", 1, 2, 5.0, clock, EVERYTHING), iter(()), clock, errors=[error] * 3)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([b"\xff"], "cannot be read"),
        ([b"[]"], "cannot be read"),
        ([msgspec.json.encode({"missing": [], "next": 1})], "not ahead"),
        ([msgspec.json.encode({"missing": [], "next": 99})], "not ahead"),
        ([msgspec.json.encode({"missing": [], "next": None}), b"garbage"], "cannot be read"),
    ],
)
def test_an_answer_that_is_none_is_unavailable_and_no_endless_loop(answer, words):
    clock = ManualClock()
    with pytest.raises(Unavailable, match=words):
        _run(asking("k", 1, 2, 5.0, clock, EVERYTHING), iter([answer]), clock)


def test_events_that_were_not_asked_for_are_left_out_of_an_answer():
    clock = ManualClock()
    said = _answers([_page(2, 3, next=None), _event(1), _event(2), _event(9)])
    filled, _ = _run(asking("k", 2, 3, 5.0, clock, EVERYTHING), said, clock)
    assert [event.seq for event in filled] == [2]


def _written(journal, publisher, events):
    for first in range(0, len(events), 1000):
        page = events[first : first + 1000]
        journal.append([event.envelope for event in page])
        publisher.publish(page)


def _items(reader, count):
    for number, item in enumerate(reader.read(10), 1):
        yield item
        if number == count:
            return


def _page(first, last, next):
    return {"first": first, "last": last, "missing": [], "next": next}


def _event(seq):

    return EventEncoder("k").encode(Event(seq, Envelope(f"e-{seq}", "t", 1e9, b"{}")), seq - 1)


def _answers(*answers):
    encoded = [
        [one if isinstance(one, bytes) else msgspec.json.encode(one) for one in answer]
        for answer in answers
    ]
    return iter(encoded)


def _run(steps, answers, clock, asked=None, errors=()):
    """Carry out the steps with these answers; silence when there are no more. First come the errors."""
    asked, errors = [] if asked is None else asked, list(errors)
    try:
        action = next(steps)
        while True:
            asked.append(action)
            if errors and isinstance(action, Ask):
                action = steps.throw(errors.pop())
            else:
                action = steps.send(_reply(action, answers, clock))
    except StopIteration as end:
        return end.value, asked


def _reply(action, answers, clock):
    if isinstance(action, Drop):
        return None
    if isinstance(action, Pause):
        clock.advance(action.seconds)
        return None
    if action.commands[0][0] == b"PUBLISH":
        return [1]
    answer = next(answers, None)
    if answer is None:
        clock.advance(float(action.commands[0][2]))
        return [None, None]
    return [[action.commands[0][1], answer[0]], answer[1:]]

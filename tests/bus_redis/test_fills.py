"""Pages of the journal for observers who ask, over a real Redis and plain redis-py."""

from __future__ import annotations

import json
import uuid

import pytest

from retinue.bus.errors import JournalError
from retinue.bus.journal import MemoryStore
from retinue.bus.redis.client import connection
from retinue.bus.redis.fills import FillRequest, FillServer, page_of
from retinue.bus.redis.frames import TooLarge
from retinue.bus.topics import Selection
from retinue.bus.wire import EventEncoder, parse


@pytest.fixture
def store(make_events):
    store = MemoryStore()
    store.append([event.envelope for event in make_events(1, 2_500)])
    return store


@pytest.fixture
def fills(server, kernel, store):
    fills = FillServer(connection(server.url), kernel, store, Selection())
    yield fills
    fills.close()


class Asking:
    """An observer who knows the protocol and nothing else."""

    def __init__(self, client, kernel, fills):
        self.client, self.kernel, self.fills = client, kernel, fills

    def ask(self, now=0.0, **request):
        request = {"id": uuid.uuid4().hex, "run": "", **request}
        self.fills.hear(json.dumps(request).encode())
        self.fills.serve(now)
        key = f"retinue:{{{self.kernel}}}:fill:{request['id']}"
        answer = self.client.lrange(key, 0, -1)
        assert not answer or 0 < self.client.ttl(key) <= 30
        return [json.loads(answer[0]), *map(parse, answer[1:])] if answer else None


@pytest.fixture
def asking(client, kernel, fills):
    return Asking(client, kernel, fills)


def pages(asking, first, last, **more):
    found, header = [], {"next": first}
    while header["next"] is not None:
        header, *events = asking.ask(first=header["next"], last=last, **more)
        found.append((header, [event.seq for event in events]))
    return found


def test_a_range_comes_page_after_page_and_whole(asking):
    found = pages(asking, 3, 2_400)
    assert [header["next"] for header, _ in found] == [1_003, 2_003, None]
    assert [seq for _, seqs in found for seq in seqs] == list(range(3, 2_401))
    assert all(header["missing"] == [] for header, _ in found)


def test_events_follow_each_other_as_the_stream_has_them(asking):
    _, *events = asking.ask(first=7, last=9)
    assert [(event.seq, event.previous) for event in events] == [(7, 6), (8, 7), (9, 8)]


def test_what_the_journal_has_not_is_said(client, kernel, server, make_events):
    store = MemoryStore(max_events=80)
    store.append([event.envelope for event in make_events(1, 100)])
    first = store.first
    assert first > 1
    asking = Asking(client, kernel, FillServer(connection(server.url), kernel, store, Selection()))
    header, *events = asking.ask(first=5, last=100)
    assert (header["first"], header["missing"]) == (5, [[5, first - 1]])
    assert (events[0].seq, events[0].previous) == (first, first - 1)
    header, *events = asking.ask(first=5, last=9)
    assert (header["missing"], header["next"], events) == ([[5, 9]], None, [])
    header, *events = asking.ask(first=101, last=200)
    assert (header["missing"], header["next"], events) == ([], None, [])


def test_one_gets_no_more_than_what_is_mirrored(client, kernel, server, store, make_events):
    store.append([event.envelope for event in make_events(1, 2, type="run.started")])
    only = FillServer(connection(server.url), kernel, store, Selection(include=["run.*"]))
    header, *events = Asking(client, kernel, only).ask(first=1, last=2_502)
    assert ([event.seq for event in events], header["next"]) == ([2_501, 2_502], None)
    assert [event.previous for event in events] == [0, 2_501]


def test_one_run_alone_can_be_asked_for(asking, store, make_events):
    store.append([event.envelope for event in make_events(1, 3, run="r-2")])
    header, *events = asking.ask(first=1, last=10_000, run="r-2")
    assert ([event.seq for event in events], header["next"]) == ([2_501, 2_502, 2_503], None)


def test_a_page_is_bounded_in_bytes_and_always_gets_on(asking, store, make_events):
    large = b'{"type":"tool.called","call":"c","tool":"t","args":"' + b"x" * 600_000 + b'"}'
    store.append([event.envelope for event in make_events(1, 3, body=large)])
    found = pages(asking, 2_501, 2_503)
    assert [seqs for _, seqs in found] == [[2_501], [2_502], [2_503]]


def test_large_bodies_come_whole(asking, store, make_events):
    large = b'{"type":"tool.called","call":"c","tool":"t","args":"' + b"x" * 100_000 + b'"}'
    store.append([event.envelope for event in make_events(1, 1, body=large)])
    _, event = asking.ask(first=2_501, last=2_501)
    assert event.body == large


def test_a_page_looks_at_a_bounded_part_of_the_journal(monkeypatch, store):
    monkeypatch.setattr("retinue.bus.redis.fills._PAGE_READ", 100)
    request = FillRequest("0" * 32, 1, 2_500)
    page = page_of(request, store, Selection(include=["none.*"]), EventEncoder("k").encode)
    assert (page.events, page.next) == ([], 101)


def test_more_pages_than_a_kernel_serves_are_put_off(asking):
    answers = [asking.ask(first=1, last=1)[0] for _ in range(40)]
    put_off = [answer for answer in answers if "retry_after" in answer]
    assert len(put_off) == 20
    assert all(0 < answer["retry_after"] < 1 for answer in put_off)
    assert "next" in asking.ask(first=1, last=1, now=5.0)[0]


def test_refusals_are_bounded_too(asking):
    asking.fills._refusals.take(0.0, 200)
    for _ in range(20):
        asking.ask(first=1, last=1)
    assert asking.ask(first=1, last=1) is None


def test_what_answers_take_in_redis_is_bounded(asking, store, make_events):
    large = b'{"type":"tool.called","call":"c","tool":"t","args":"' + b"x" * (900 << 10) + b'"}'
    store.append([event.envelope for event in make_events(1, 1, body=large)])
    answers = [asking.ask(first=2_501, last=2_501)[0] for _ in range(20)]
    served = sum("next" in answer for answer in answers)
    assert served * (900 << 10) <= 16 << 20


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b"\xff",
        TooLarge(1 << 20),
        b'{"id":"x","first":1,"last":2}',
        b'{"id":"00000000000000000000000000000000:x","first":1,"last":2}',
        b'{"id":"00000000000000000000000000000000","first":0,"last":2}',
        b'{"id":"00000000000000000000000000000000","first":3,"last":2}',
        b'{"id":"00000000000000000000000000000000","first":1,"last":1e30}',
        b'{"id":"00000000000000000000000000000000","first":"1","last":2}',
    ],
)
def test_what_is_no_request_is_not_answered(client, kernel, fills, request_):
    fills.hear(request_)
    assert (fills.waiting, fills.refused) == (False, 1)
    fills.serve(0.0)
    assert client.keys(f"retinue:{{{kernel}}}:fill:*") == []


def test_of_too_many_requests_the_newest_wait(fills):
    for n in range(1, 101):
        fills.hear(json.dumps({"id": f"{n:032x}", "first": n, "last": n}).encode())
    assert [request.first for request in fills._waiting] == list(range(37, 101))


def test_a_journal_that_cannot_be_read_puts_the_answer_off(client, kernel, server):
    class Broken(MemoryStore):
        def read(self, *_):
            raise JournalError("the disk is gone", kind="disk", retryable=True)

    store = Broken()
    store._last = 10
    fills = FillServer(connection(server.url), kernel, store, Selection())
    assert Asking(client, kernel, fills).ask(first=1, last=2)[0] == {"retry_after": 1.01}


def test_a_page_that_is_trimmed_while_it_is_read_is_read_again(make_events):
    store = MemoryStore(max_events=100)
    store.append([event.envelope for event in make_events(1, 90)])
    trimmed = []

    def breathe():
        if not trimmed:
            trimmed.append(store.append([event.envelope for event in make_events(1, 40)]))

    request = FillRequest("0" * 32, 1, 90)
    page = page_of(request, store, Selection(), EventEncoder("k").encode, breathe)
    seqs = [parse(data).seq for data in page.events]
    assert page.missing == [(1, seqs[0] - 1)]
    assert (seqs[0], seqs[-1]) == (store.first, 90)


def test_redis_away_costs_an_answer_and_nothing_else(kernel, store, own_server):
    fills = FillServer(connection(own_server.url, 0.3), kernel, store, Selection())
    own_server.stop()
    fills.hear(b'{"id":"00000000000000000000000000000000","first":1,"last":1}')
    fills.serve(0.0)
    assert (fills.waiting, fills.refused) == (False, 1)

"""The form in which observers get an event; its golden files are beside, in ``test_golden``."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.bus.coalescing import Coalesced
from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import CodecError
from retinue.bus.messages import EVENTS
from retinue.bus.wire import EventEncoder, Timestamps, parse

from .samples import SEQ, event_of, sample_of


@pytest.mark.parametrize("form", ["json", "msgpack"])
def test_both_forms_are_read_back_whole(form):
    event = event_of(sample_of(EVENTS["tool.called"]))
    e = event.envelope
    seen = parse(EventEncoder("main", form).encode(event, 12))
    assert (seen.seq, seen.previous, seen.source) == (SEQ, 12, "retinue:main")
    assert (seen.id, seen.type, seen.run, seen.task, seen.agent, seen.cause, seen.trace) == (
        e.id, e.type, e.run, e.task, e.agent, e.cause, e.trace,
    )  # fmt: skip
    assert seen.time == e.time
    assert seen.data == event.data


def test_the_attributes_are_those_of_cloudevents():
    wire = json.loads(
        EventEncoder("main").encode(event_of(sample_of(EVENTS["tool.called"])), SEQ - 1)
    )
    assert list(wire) == [
        "specversion", "id", "source", "type", "time", "sequence", "subject",
        "run", "task", "agent", "cause", "traceparent", "data",
    ]  # fmt: skip
    assert wire["specversion"] == "1.0"
    assert all(name.isalnum() and name.islower() for name in wire)
    assert all(isinstance(value, str) and value for name, value in wire.items() if name != "data")


def test_what_an_event_does_not_have_is_left_out():
    event = Event(1, Envelope("e-1", "kernel.stopped", 1e9, b"{}"))
    assert EventEncoder("k").encode(event, 0) == (
        b'{"specversion":"1.0","id":"e-1","source":"retinue:k","type":"kernel.stopped",'
        b'"time":"2001-09-09T01:46:40.000Z","sequence":"0000000000000001","data":{}}'
    )


def test_sequences_sort_as_text_as_they_do_as_numbers():
    encoder = EventEncoder("main")
    wires = [
        encoder.encode(Event(seq, Envelope("e", "t", 0.0, b"{}")), seq - 1)
        for seq in (9, 10, 99, 2**53)
    ]
    sequences = [json.loads(wire)["sequence"] for wire in wires]
    assert sequences == sorted(sequences)
    assert [int(s) for s in sequences] == [9, 10, 99, 2**53]


def test_the_bodys_bytes_go_out_as_they_are():
    body = b'{"b": 1,  "a": 1.50}'
    event = Event(1, Envelope("e-1", "tool.called", 0.0, body))
    assert EventEncoder("main").encode(event, 0).endswith(b'"data":' + body + b"}")


@pytest.mark.parametrize("form", ["json", "msgpack"])
def test_a_body_over_the_bound_is_left_out_with_a_reference_and_its_size(form):
    event = event_of(sample_of(EVENTS["tool.called"]))
    size = len(event.envelope.body)
    whole = parse(EventEncoder("main", form, size).encode(event, SEQ - 1))
    assert (whole.data, whole.dataref, whole.databytes) == (event.data, "", 0)
    seen = parse(EventEncoder("main", form, size - 1).encode(event, SEQ - 1))
    assert (seen.data, seen.dataref, seen.databytes) == (None, f"/v1/events/{SEQ}", size)
    assert (seen.seq, seen.id, seen.run) == (whole.seq, whole.id, whole.run)


@pytest.mark.parametrize("form", ["json", "msgpack"])
def test_an_event_of_several_says_of_how_many(form):
    event = event_of(sample_of(EVENTS["agent.text"]))
    joined = Coalesced(event.seq, event.envelope, 7)
    seen = parse(EventEncoder("main", form).encode(joined, SEQ - 7))
    assert (seen.coalesced, seen.previous, seen.data) == (7, SEQ - 7, event.data)
    assert parse(EventEncoder("main", form).encode(event, SEQ - 1)).coalesced == 1


def test_the_attributes_that_few_events_have_are_cloudevents_extensions_too():
    event = event_of(sample_of(EVENTS["agent.text"]))
    wire = json.loads(EventEncoder("main", "json", 1).encode(Coalesced(SEQ, event.envelope, 2), 3))
    assert list(wire)[-4:] == ["previous", "dataref", "databytes", "coalesced"]
    assert "data" not in wire


def test_readers_ignore_what_they_do_not_know():
    wire = json.loads(
        EventEncoder("main").encode(event_of(sample_of(EVENTS["agent.text"])), SEQ - 1)
    )
    assert parse(json.dumps(wire | {"later": [1]}).encode()).seq == SEQ


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[1]", b'{"specversion":"2.0"}', b"\x81", b"null", b"{" * 100_000]
)
def test_what_is_no_event_is_refused_with_its_bytes(data):
    with pytest.raises(CodecError, match="not an event of ours") as refused:
        parse(data)
    assert refused.value.data == data


def test_a_sequence_that_is_no_number_is_refused():
    wire = EventEncoder("main").encode(event_of(sample_of(EVENTS["agent.text"])), SEQ - 1)
    with pytest.raises(CodecError):
        parse(wire.replace(b'"0000000000000017"', b'"seventeen"'))


@given(st.lists(st.floats(0, 4e9), max_size=5))
def test_times_are_utc_to_the_millisecond(moments):
    timestamps = Timestamps()
    for moment in moments:
        text = timestamps.format(moment)
        back = datetime.fromisoformat(text)
        assert back.utcoffset() == timedelta(0)
        assert abs(back.timestamp() - moment) <= 0.000_501
        assert len(text) == len("2001-09-09T01:46:40.123Z")

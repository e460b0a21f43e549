"""The form in which observers get an event; the golden files are what they may rely on.

``TYPE.json`` is the first form of a type, ``TYPE@2.json`` the next. The newest is what is
written now; every one of them can be read. ``RETINUE_GOLDEN=write`` adds the forms that are
missing. A form that was released is never changed or removed.
"""

from __future__ import annotations

import itertools
import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.bus.codec import decode, encode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import CodecError
from retinue.bus.messages import EVENTS, type_of
from retinue.bus.wire import EventEncoder, Timestamps, parse

GOLDEN = Path(__file__).parent / "golden"
SEQ = 17


@pytest.mark.parametrize("type", sorted(EVENTS))
def test_every_event_has_the_form_that_its_newest_golden_file_shows(type):
    encoded = EventEncoder("main").encode(_event(_sample(EVENTS[type])), SEQ - 1) + b"\n"
    forms = _forms(type)
    if os.environ.get("RETINUE_GOLDEN") == "write" and encoded not in forms[-1:]:
        (GOLDEN / f"{type}{_version(len(forms) + 1)}.json").write_bytes(encoded)
        forms = _forms(type)
    assert forms, f"no golden file for {type}: run with RETINUE_GOLDEN=write, and look at it"
    assert forms[-1].decode() == encoded.decode(), "observers would read another form"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_every_golden_file_is_read_as_the_event_that_it_was_then(path):
    event = parse(path.read_bytes())
    assert (event.seq, event.previous) == (SEQ, SEQ - 1)
    assert event.type == path.stem.partition("@")[0]
    kind = EVENTS[event.type]
    read, sample = decode(event.body, kind), _sample(kind)
    fields = event.data.keys() - {"type"}
    assert {f: getattr(read, f) for f in fields} == {f: getattr(sample, f) for f in fields}


def test_versions_of_a_form_have_no_gap():
    stems = {path.stem for path in GOLDEN.glob("*.json")}
    numbers = {kind: range(1, len(_forms(kind)) + 1) for kind in EVENTS}
    assert stems == {f"{kind}{_version(n)}" for kind, known in numbers.items() for n in known}


@pytest.mark.parametrize("form", ["json", "msgpack"])
def test_both_forms_are_read_back_whole(form):
    event = _event(_sample(EVENTS["tool.called"]))
    e = event.envelope
    seen = parse(EventEncoder("main", form).encode(event, 12))
    assert (seen.seq, seen.previous, seen.source) == (SEQ, 12, "retinue:main")
    assert (seen.id, seen.type, seen.run, seen.task, seen.agent, seen.cause, seen.trace) == (
        e.id, e.type, e.run, e.task, e.agent, e.cause, e.trace,
    )  # fmt: skip
    assert seen.time == e.time
    assert seen.data == event.data


def test_the_attributes_are_those_of_cloudevents():
    wire = json.loads(EventEncoder("main").encode(_event(_sample(EVENTS["tool.called"])), SEQ - 1))
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


def test_readers_ignore_what_they_do_not_know():
    wire = json.loads(EventEncoder("main").encode(_event(_sample(EVENTS["agent.text"])), SEQ - 1))
    assert parse(json.dumps(wire | {"later": [1]}).encode()).seq == SEQ


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[1]", b'{"specversion":"2.0"}', b"\x81", b"null", b"{" * 100_000]
)
def test_what_is_no_event_is_refused_with_its_bytes(data):
    with pytest.raises(CodecError, match="not an event of ours") as refused:
        parse(data)
    assert refused.value.data == data


def test_a_sequence_that_is_no_number_is_refused():
    wire = EventEncoder("main").encode(_event(_sample(EVENTS["agent.text"])), SEQ - 1)
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


def _forms(type):
    """What the golden files of a type hold, oldest first."""
    paths = (GOLDEN / f"{type}{_version(number)}.json" for number in itertools.count(1))
    return [path.read_bytes() for path in itertools.takewhile(Path.exists, paths)]


def _version(number):
    return "" if number == 1 else f"@{number}"


def _event(body):
    return Event(
        SEQ,
        Envelope(
            "e-7z3k9q2m-17",
            type_of(type(body)),
            1_000_000_000.123,
            encode(body),
            run="r-7z3k9q2m-1",
            task="t-7z3k9q2m-2",
            agent="librarian",
            sender="not for observers",
            cause="e-7z3k9q2m-16",
            trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    )


def _sample(kind):
    """The struct with every field filled, by its type: a field that is new shows as a change."""
    fields = msgspec.structs.fields(kind)
    return kind(**{field.name: _value(field.name, field.type) for field in fields})


def _value(name, type):
    values = {
        str: f"the {name}",
        int: 3,
        float: 1.5,
        bool: True,
        msgspec.Raw: msgspec.Raw('{"n":1,"text":"é"}'.encode()),
        tuple[str, ...]: ("one", "two"),
        tuple[int, ...]: (3, 0, 4),
        dict[str, Any]: {"key": [1, None]},
    }
    return next(value for known, value in values.items() if type in (known, known | None))

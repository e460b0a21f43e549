"""The codec: typed errors that keep the bytes, and values that JSON cannot carry."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.bus import messages
from retinue.bus.codec import decode, decode_envelope, encode, encode_envelope, encode_value
from retinue.bus.envelope import Envelope, Event
from retinue.bus.errors import CodecError, InvalidInput
from retinue.bus.messages import EVENTS, TaskFailed, ToolCalled

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
envelopes = st.builds(
    Envelope,
    id=texts,
    type=texts,
    time=st.floats(allow_nan=False),
    body=st.binary(max_size=200),
    run=texts,
    cause=texts,
    deadline=st.none() | st.floats(allow_nan=False),
)


@dataclasses.dataclass
class Reading:
    value: float | None


@given(values)
def test_every_json_value_comes_back_equal(value):
    assert decode(encode_value(value, "a value"), object) == value


@given(st.sampled_from(sorted(EVENTS.values(), key=messages.type_of)), st.data())
def test_every_event_body_comes_back_equal(kind, data):
    body = data.draw(bodies(kind))
    assert decode(encode(body), kind) == body


@given(envelopes)
def test_every_envelope_comes_back_equal(envelope):
    assert decode_envelope(encode_envelope(envelope)) == envelope


@given(envelopes, st.data())
def test_an_envelope_cut_short_is_refused_with_its_bytes(envelope, data):
    whole = encode_envelope(envelope)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(CodecError) as raised:
        decode_envelope(cut)
    assert raised.value.data == cut


@given(st.binary(max_size=60))
def test_arbitrary_bytes_decode_or_raise_a_codec_error_that_keeps_them(data):
    for read in (lambda: decode(data, ToolCalled), lambda: decode_envelope(data)):
        try:
            read()
        except CodecError as error:
            kept = error.data
        else:
            kept = data
        assert kept == data


def test_a_decode_error_names_the_type_and_the_field_and_keeps_the_bytes():
    body = b'{"type":"task.failed","kind":"ValueError","cause":7}'
    with pytest.raises(CodecError, match=r"TaskFailed.*str.*int.*\$\.cause") as raised:
        decode(body, TaskFailed)
    assert raised.value.data == body


def test_a_body_of_another_type_is_refused():
    with pytest.raises(CodecError, match=r"Invalid value 'tool\.called'"):
        decode(b'{"type":"tool.called","kind":"a","cause":"b"}', TaskFailed)


def test_bytes_that_are_not_utf_8_are_refused_with_the_bytes():
    body = b'{"type":"task.failed","kind":"\xff","cause":""}'
    with pytest.raises(CodecError) as raised:
        decode(body, TaskFailed)
    assert raised.value.data == body


def test_a_body_nested_beyond_any_stack_is_refused():
    body = b"[" * 200_000 + b"]" * 200_000
    with pytest.raises(CodecError) as raised:
        decode(body, object)
    assert raised.value.data is body


def test_fields_that_a_later_version_added_are_ignored():
    body = b'{"type":"task.failed","kind":"a","cause":"b","colour":"blue"}'
    assert decode(body, TaskFailed) == TaskFailed(kind="a", cause="b")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "around",
    [
        lambda n: n,
        lambda n: [1, n],
        lambda n: {"deep": [{"er": (n,)}]},
        lambda n: {n},
        Reading,
        lambda n: messages.ToolProgress(call="c", tool="t", done=n),
        lambda n: {"a": None, "b": n},
    ],
)
def test_numbers_that_are_not_finite_are_refused_wherever_they_stand(around, number):
    with pytest.raises(InvalidInput, match=r"the result holds NaN or an infinity"):
        encode_value(around(number), "the result")


@pytest.mark.parametrize("value", [None, [None], {"a": "null"}, Reading(None), {"null": 1.5}])
def test_null_itself_is_a_value(value):
    encode_value(value, "the result")


def test_the_search_for_non_finite_numbers_does_not_run_out_of_stack():
    value: object = None
    for _ in range(800):
        value = [value]
    assert encode_value(value, "the result").count(b"[") == 800


@pytest.mark.parametrize(
    "value",
    [object(), {"a": lambda: 0}, {("a", "b"): 1}, "\ud800", {"a": [1j]}],
    ids=["object", "function", "tuple as key", "surrogate", "complex"],
)
def test_what_json_cannot_carry_is_refused_with_the_name_of_the_thing(value):
    with pytest.raises(InvalidInput, match="input of agent 'echo' cannot be encoded as JSON"):
        encode_value(value, "input of agent 'echo'")


def test_a_value_that_holds_itself_is_refused():
    value: list[object] = []
    value.append(value)
    with pytest.raises(InvalidInput, match="cannot be encoded"):
        encode_value(value, "the result")


def test_an_event_gives_its_header_and_its_decoded_body():
    body = TaskFailed(kind="ValueError", cause="no")
    event = Event(7, Envelope("m-1", "task.failed", 5.0, encode(body), "r-1", "t-1", "ada"))
    assert (event.id, event.type, event.time) == ("m-1", "task.failed", 5.0)
    assert (event.run, event.task, event.agent) == ("r-1", "t-1", "ada")
    assert event.data == {"type": "task.failed", "kind": "ValueError", "cause": "no"}


def test_an_event_whose_body_is_damaged_says_which_and_keeps_the_bytes():
    event = Event(7, Envelope("m-1", "task.failed", 5.0, b"{"))
    with pytest.raises(CodecError, match=r"event 7 \(task\.failed\)") as raised:
        event.data  # noqa: B018
    assert raised.value.data == b"{"


def test_an_envelope_and_an_event_cannot_be_changed():
    envelope = Envelope("m-1", "task.failed", 5.0, b"{}")
    with pytest.raises(AttributeError):
        envelope.body = b""
    with pytest.raises(AttributeError):
        Event(1, envelope).seq = 2


def bodies(kind):
    """A strategy for one message type, from its field types."""
    fields = {}
    for field in msgspec.structs.fields(kind):
        fields[field.name] = _field(field.type)
    return st.builds(kind, **fields)


def _field(kind):
    if kind is msgspec.Raw:
        return values.map(lambda value: msgspec.Raw(encode_value(value, "a value")))
    if kind == dict[str, Any]:
        return st.dictionaries(texts, values, max_size=3)
    return st.from_type(kind).filter(_encodable)


def _encodable(value):
    try:
        encode_value(value, "a value")
    except InvalidInput:
        return False
    return True

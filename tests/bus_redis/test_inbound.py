"""What programs outside may say in live-logs, field by field, and what they may not."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retinue.bus.codec import encode
from retinue.bus.errors import InvalidInput
from retinue.bus.redis.dialects.inbound import read_log

THOUGHT = {
    "run_id": "run-7",
    "agent_id": "crawler",
    "category": "THOUGHT",
    "message": "look it up",
    "metadata": "PLANNING",
    "timestamp": "2001-09-09T01:46:40.123Z",
}
CALL = {
    **THOUGHT,
    "category": "TOOL_CALL",
    "metadata": "IO_REQ",
    "tool_name": "fetch",
    "args": {"url": "https://example.org", "deep": [{"n": 1.5}, None, True]},
}
RESULT = {
    **THOUGHT,
    "category": "TOOL_RESULT",
    "metadata": "IO_OK",
    "tool_name": "fetch",
    "duration_ms": 12,
}


def read(message):
    told = read_log(message if isinstance(message, bytes) else json.dumps(message).encode())
    return told.run, told.agent, json.loads(encode(told.body))


@pytest.mark.parametrize(
    ("message", "type"),
    [
        (THOUGHT, "telemetry.thought"),
        (CALL, "telemetry.tool_called"),
        (RESULT, "telemetry.tool_returned"),
    ],
)
def test_every_field_is_kept_and_the_category_says_the_type(message, type):
    fields = {k: v for k, v in message.items() if k not in ("run_id", "agent_id")}
    assert read(message) == ("run-7", "crawler", {"type": type, **fields})


def test_fields_that_the_dialect_does_not_have_are_left_out():
    assert read({**THOUGHT, "tool_name": None, "args": 7, "later": {}}) == read(THOUGHT)


@pytest.mark.parametrize("field", sorted(THOUGHT))
def test_no_field_may_be_missing(field):
    with pytest.raises(InvalidInput, match=f"missing required field `{field}`"):
        read({k: v for k, v in THOUGHT.items() if k != field})


@pytest.mark.parametrize(
    ("message", "field"), [(CALL, "tool_name"), (CALL, "args"), (RESULT, "duration_ms")]
)
def test_a_category_has_its_own_fields(message, field):
    with pytest.raises(InvalidInput, match=f"missing required field `{field}`"):
        read({k: v for k, v in message.items() if k != field})


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"run_id": 7}, "run_id"),
        ({"run_id": ""}, "run_id"),
        ({"run_id": "-"}, "run_id"),
        ({"run_id": "r:task.succeeded"}, "run_id"),
        ({"run_id": "r*"}, "run_id"),
        ({"run_id": "r\n"}, "run_id"),
        ({"run_id": "r" * 129}, "run_id"),
        ({"agent_id": None}, "agent_id"),
        ({"agent_id": ""}, "agent_id"),
        ({"agent_id": "a" * 129}, "agent_id"),
        ({"agent_id": "\x1b[31mred"}, "agent_id"),
        ({"category": "ROOT"}, "category"),
        ({"category": 7}, "category"),
        ({"message": ["x"]}, "message"),
        ({"metadata": "io_req"}, "metadata"),
        ({"timestamp": 1703123456.789}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "2" * 41}, "timestamp"),
        ({"tool_name": ""}, "tool_name"),
        ({"tool_name": "a\x07b"}, "tool_name"),
        ({"args": [1]}, "args"),
        ({"args": "x"}, "args"),
        ({"args": {"n": 2**63}}, "64 bits"),
        ({"args": {"n": [[-(2**70)]]}}, "64 bits"),
    ],
)
def test_a_wrong_value_is_refused_and_named(changed, what):
    with pytest.raises(InvalidInput, match=what):
        read({**CALL, **changed})


@pytest.mark.parametrize("duration", [-1, 1.5, "12", True, None, 2**60])
def test_a_duration_is_a_whole_number(duration):
    with pytest.raises(InvalidInput, match="duration_ms"):
        read({**RESULT, "duration_ms": duration})


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"\x00\xff",
        b"{",
        b"[" * 100_000,
        json.dumps(CALL).encode().replace(b'"look', b'"\xff\xfe'),
        json.dumps(CALL).encode().replace(b'"look', b'"\\ud800'),
        json.dumps(CALL).encode().replace(b'"look', b'"\x1b'),
        json.dumps(CALL).encode().replace(b"1.5", b"NaN"),
        json.dumps(CALL).encode().replace(b"1.5", b"Infinity"),
        json.dumps(CALL).encode().replace(b"1.5", b"1e999"),
        json.dumps(CALL).encode().replace(b"1.5", b'"\xc3\x28"'),
        json.dumps(CALL).encode().replace(b"1.5", b'"\\udfff"'),
        json.dumps(CALL).encode().replace(b"1.5", b"[" * 50_000 + b"]" * 50_000),
        json.dumps(CALL).encode().replace(b"1.5", b"9" * 5_000),
    ],
)
def test_what_is_no_json_object_is_refused(payload):
    with pytest.raises(InvalidInput):
        read(payload)


@pytest.mark.parametrize(("levels", "taken"), [(31, True), (33, False), (500, False)])
def test_arguments_have_a_depth(levels, taken):
    args = {"x": json.loads("[" * (levels - 1) + "]" * (levels - 1))}
    if taken:
        read({**CALL, "args": args})
    else:
        with pytest.raises(InvalidInput, match="deeper than 32"):
            read({**CALL, "args": args})


def test_what_would_steer_a_terminal_is_replaced_in_the_message():
    _, _, told = read({**THOUGHT, "message": "a\x1b[2Jb\x9bc\u202ed\ne\tf\x7f"})
    assert told["message"] == "a�[2Jb�c�d\ne\tf�"


def test_a_refusal_shows_nothing_of_what_came():
    secret = "it's hunter2"
    for changed in ({"category": secret}, {"metadata": secret}, {"run_id": secret}):
        with pytest.raises(InvalidInput) as refused:
            read({**CALL, **changed})
        assert "hunter2" not in str(refused.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(payload):
    with suppress(InvalidInput):
        read_log(payload)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(sorted({*CALL, *RESULT})), _JSON))
def test_any_values_are_read_or_refused(changed):
    try:
        told = read_log(json.dumps({**CALL, **changed}).encode())
    except InvalidInput:
        return
    assert json.loads(encode(told.body))

"""The live-logs dialect, field by field."""

from __future__ import annotations

import json

import pytest
from msgspec import Raw

from retinue.bus.codec import encode
from retinue.bus.envelope import Envelope, Event
from retinue.bus.messages import AgentText, AgentThought, ToolCalled, ToolReturned, type_of
from retinue.bus.redis.dialects import LIVE_LOGS_CHANNEL, LiveLogs


def test_a_call_carries_its_whole_arguments_and_shows_fifty_characters_of_them():
    args = json.dumps({"query": "x" * 60}, separators=(",", ":"))
    assert _project(ToolCalled("c-1", "files.search", Raw(args.encode()))) == {
        "run_id": "r-1",
        "agent_id": "librarian",
        "category": "TOOL_CALL",
        "message": f"files.search({args[:50]})",
        "metadata": "IO_REQ",
        "timestamp": "2001-09-09T01:46:40.123Z",
        "tool_name": "files.search",
        "args": {"query": "x" * 60},
    }


def test_a_result_tells_how_long_it_took():
    assert _project(ToolReturned("c-1", "echo", ok=True, seconds=0.0126, result=Raw(b'"hi"'))) == {
        "run_id": "r-1",
        "agent_id": "librarian",
        "category": "TOOL_RESULT",
        "message": "hi",
        "metadata": "IO_OK",
        "timestamp": "2001-09-09T01:46:40.123Z",
        "tool_name": "echo",
        "duration_ms": 13,
    }


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (b"null", "Operation complete."),
        (b'""', "Operation complete."),
        (b'{"n":1}', '{"n":1}'),
        (b'"' + b"y" * 100 + b'"', "y" * 100),
        (b'"' + b"y" * 101 + b'"', "y" * 100 + "..."),
        ('"' + "é" * 101 + '"', "é" * 100 + "..."),
    ],
)
def test_a_result_is_shown_as_text_and_cut_at_a_hundred_characters(result, message):
    raw = Raw(result if isinstance(result, bytes) else result.encode())
    body = ToolReturned("c-1", "echo", ok=True, seconds=0.0, result=raw)
    assert _project(body)["message"] == message


def test_an_error_is_shown_whole_and_marked():
    body = ToolReturned("c-1", "echo", ok=False, seconds=0.0, error="ValueError: " + "z" * 200)
    log = _project(body)
    assert (log["metadata"], log["message"]) == ("IO_ERR", "ValueError: " + "z" * 200)


def test_a_thought_is_planning():
    log = _project(AgentThought("look it up"))
    assert (log["category"], log["metadata"], log["message"]) == (
        "THOUGHT",
        "PLANNING",
        "look it up",
    )
    assert {"tool_name", "args", "duration_ms"}.isdisjoint(log)


def test_other_events_have_no_form_in_the_dialect():
    assert LiveLogs().project(_event(AgentText("delta"))) == ()


def test_its_channel_is_the_one_that_its_consumers_know():
    assert LIVE_LOGS_CHANNEL == "raro:live_logs"


def _project(body):
    (message,) = LiveLogs().project(_event(body))
    assert message[:2] == ("channel", LIVE_LOGS_CHANNEL)
    return json.loads(message.payload)


def _event(body):
    kind = type_of(type(body))
    return Event(1, Envelope("e-1", kind, 1e9 + 0.123, encode(body), "r-1", "t-1", "librarian"))
